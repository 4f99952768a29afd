import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { connectService } from '../../service/src/index';

const redis = new Redis({ lazyConnect: true });

function connect(options: object): unknown {
  return connectService({ redis, ...options });
}

describe('an option of a service that cannot be', () => {
  it.each([
    [{ stateTtlSeconds: NaN }, 'expected stateTtlSeconds to be an integer of 1 or more, not NaN'],
    [{ stateTtlSeconds: 0 }, 'expected stateTtlSeconds to be an integer of 1 or more, not 0'],
    [{ stateTtlSeconds: 0.5 }, 'expected stateTtlSeconds to be an integer of 1 or more, not 0.5'],
    [
      { stateTtlSeconds: 2 ** 53 },
      'expected stateTtlSeconds to be an integer of 1 or more, not 9007199254740992',
    ],
    [{ stateTtlSeconds: '60' }, 'expected stateTtlSeconds to be an integer of 1 or more, not 60'],
    [{ concurrency: Infinity }, 'expected concurrency to be an integer of 1 or more, not Infinity'],
    [{ readAheadBytes: -1 }, 'expected readAheadBytes to be an integer of 1 or more, not -1'],
    [{ leaseMs: 999 }, 'expected leaseMs to be 1000 or more, not 999'],
    [{ otherTypes: 'ignored' }, 'expected otherTypes to be refuse or ignore, not ignored'],
  ])('is refused when it is connected: %p', (options, message) => {
    expect(() => connect(options)).toThrow(new TypeError(message));
  });

  it('is refused with the handler that it is for', () => {
    const service = connectService({ redis, group: 'ai' });
    const options = { delivery: 'at-least-once' } as object;
    expect(() => {
      service.answer('ask', () => [][Symbol.iterator]() as never, options);
    }).toThrow(new TypeError('expected delivery to be atMostOnce or atLeastOnce, not at-least-once'));
    expect(() => service.onPresence(() => undefined, { from: 'new' } as object)).toThrow(
      new TypeError('expected from to be now or oldest, not new'),
    );
  });

  it.each([NaN, -1, '5'])('is refused for the time that answers have at the end: %p', async (timeoutMs) => {
    const service = connectService({ redis });
    await expect(service.close({ timeoutMs: timeoutMs as number })).rejects.toThrow(
      new TypeError(`expected timeoutMs to be a number of 0 or more, not ${timeoutMs}`),
    );
    // It is not closed by that.
    await service.close({ timeoutMs: Infinity });
  });
});
