import fc from 'fast-check';
import { CLOSE_CODES } from '../../protocol/close-codes';
import { afterClose } from '../../client/src/after-close.ts';
import { backoffMs, type ComeBack } from '../../client/src/backoff.ts';

const LIMITS = { backoffBaseMs: 1_000, backoffCapMs: 30_000 };
const ALMOST_ONE = 1 - Number.EPSILON;

function reach(then: ComeBack, attempts: number): number {
  return Math.round(backoffMs(then, attempts, ALMOST_ONE, LIMITS));
}

describe('the delay before a reconnect', () => {
  it('takes any value below the bound: full jitter', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: ALMOST_ONE, noNaN: true }), fc.nat(40), (random, attempts) => {
        const bound = Math.min(30_000, 1_000 * 2 ** attempts);
        expect(backoffMs('reconnect-later', attempts, random, LIMITS)).toBe(random * bound);
      }),
    );
  });

  it('is spread over the base, however often, when the bridge restarts', () => {
    expect([0, 1, 9].map((attempts) => reach('reconnect', attempts))).toEqual([1_000, 1_000, 1_000]);
  });

  it.each(['renew-token', 'resume'] as const)('is none to %s, unless it was tried before', (then) => {
    expect([0, 1, 2, 9].map((attempts) => reach(then, attempts))).toEqual([0, 2_000, 4_000, 30_000]);
  });
});

describe('a delay without a bound', () => {
  it.each([0, 1])('is a number after attempt %d, whatever the random number', (attempts) => {
    const limits = { backoffBaseMs: Infinity, backoffCapMs: Infinity };
    expect(backoffMs('resume', 0, 0.5, limits)).toBe(0);
    expect(backoffMs('reconnect-later', attempts, 0, limits)).toBe(0);
    expect(backoffMs('reconnect-later', attempts, 0.5, limits)).toBeGreaterThan(1e300);
    expect(backoffMs('reconnect', attempts, 0.5, { ...limits, backoffCapMs: 30_000 })).toBe(15_000);
  });
});

describe('what is done after a close code', () => {
  it.each(Object.values(CLOSE_CODES))('is what the table says for $code $name', ({ code, then }) => {
    expect(afterClose(code)).toBe(then);
  });

  it.each([1000, 1005, 1006, 4000, 4999])(
    'is to reconnect later for %d, which is not in the table',
    (code) => {
      expect(afterClose(code)).toBe('reconnect-later');
    },
  );
});
