import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Configurations, fingerprint } from '../../plugin/configurations';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { readyFor, type Ready } from '../../plugin/prepare';
import { Instances } from '../../plugin/server/instances';
import { closeStores } from '../../plugin/store/held-stores';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf } from './kong-request';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A store of configurations that says which were made ready and which were let go of. */
function watched(max?: number) {
  const made: unknown[] = [];
  const closed: unknown[] = [];
  const prepare = (raw: unknown): Promise<Ready> => {
    made.push(raw);
    return Promise.resolve({ close: () => void closed.push(raw) } as Ready);
  };
  return { made, closed, configurations: new Configurations(prepare, max) };
}

const settled = () => new Promise(setImmediate);

describe('a configuration', () => {
  it('is made ready once for all its instances, and let go of with the last', async () => {
    const { made, closed, configurations } = watched();
    configurations.join('k', 'raw');
    configurations.join('k', 'raw');
    await configurations.use('k', 'raw', () => Promise.resolve());
    configurations.leave('k');
    await settled();
    expect([made, closed]).toEqual([['raw'], []]);
    configurations.leave('k');
    await settled();
    expect([closed, configurations.size]).toEqual([['raw'], 0]);
  });

  it('is not let go of under a decision', async () => {
    const { closed, configurations } = watched();
    configurations.join('k', 'raw');
    let decided = (): void => undefined;
    const decision = configurations.use(
      'k',
      'raw',
      () => new Promise<void>((resolve) => (decided = resolve)),
    );
    configurations.leave('k');
    configurations.sweep();
    configurations.sweep();
    await settled();
    expect(closed).toEqual([]);
    decided();
    await decision;
    await settled();
    expect(closed).toEqual(['raw']);
  });

  it('that nobody uses is let go of, and made anew when an instance of it is asked again', async () => {
    const { made, closed, configurations } = watched();
    configurations.join('idle', 'idle');
    configurations.join('busy', 'busy');
    for (let sweeps = 0; sweeps < 3; sweeps += 1) {
      configurations.sweep();
      await configurations.use('busy', 'busy', () => Promise.resolve());
    }
    await settled();
    expect([made, closed]).toEqual([['idle', 'busy'], ['idle']]);
    expect(await configurations.use('idle', 'idle', () => Promise.resolve('answered'))).toBe('answered');
    expect(made).toEqual(['idle', 'busy', 'idle']);
  });

  it('goes for a newer one past the most that are kept ready', async () => {
    const { closed, configurations } = watched(2);
    for (const key of ['a', 'b']) configurations.join(key, key);
    await configurations.use('a', 'a', () => Promise.resolve());
    configurations.join('c', 'c');
    await settled();
    expect([closed, configurations.size]).toEqual([['b'], 2]);
  });

  it('is the same whatever Kong adds to it, and another with any other value', () => {
    const one = fingerprint({ ...rawConfig(), __seq__: 1, route_id: 'r1' });
    expect(fingerprint({ ...rawConfig(), __seq__: 2, route_id: null })).toBe(one);
    expect(fingerprint({ ...rawConfig(), realm: 'other' })).not.toBe(one);
  });
});

jest.setTimeout(120_000);

describe('a thousand changes of the configuration', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  afterEach(() => {
    closeStores();
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const log = pino({ level: 'silent' });
  const connections = async (): Promise<number> =>
    String(await redis.client('LIST'))
      .split('\n')
      .filter((line) => line.includes('name=ws-gatekeeper')).length;

  /** Resolves once so many connections are open; a closed one is gone from Redis's list a moment later. */
  async function untilConnections(count: number): Promise<void> {
    while ((await connections()) !== count) await settled();
  }

  function gatekeepers() {
    const configurations = new Configurations((raw) => readyFor(raw, log));
    let ids = 0;
    const instances = new Instances(() => (ids += 1));
    const redisOf = (changes: object) => ({
      ...(rawConfig()['redis'] as object),
      url: server.url,
      ...changes,
    });
    return {
      configurations,
      instances,
      start: (change: Record<string, unknown>, redisChange: object = {}) => {
        const gatekeeper = new Gatekeeper(
          rawConfig({ redis: redisOf({ timeout: 60_000, ...redisChange }), ...change }),
          log,
          configurations,
        );
        return { gatekeeper, id: instances.add(gatekeeper) };
      },
    };
  }

  async function expectAdmitted(gatekeeper: Gatekeeper): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const token = await signToken({
      iat: now,
      exp: now + 900,
      tenant_id: `t${Math.random()}`,
      jti: undefined,
    });
    expect((await tellOf(gatekeeper, { headers: upgradeHeaders(token) })).status).toBeUndefined();
  }

  it('that Kong closes leave no memory and one connection', async () => {
    const { instances, start, configurations } = gatekeepers();
    let last = start({ realm: 'first' });
    const change = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        const next = start({ realm: `realm ${i} of ${count}` });
        if (i % 10 === 0) await expectAdmitted(next.gatekeeper);
        instances.remove(last.id);
        last = next;
      }
    };
    await change(100);
    const before = heapBytes();
    await change(1000);
    const grownBytes = heapBytes() - before;
    process.stdout.write(`1,000 changes, ${(grownBytes / 1000).toFixed(0)} bytes kept of each\n`);
    // A configuration that is ready has some ten kilobytes.
    expect(grownBytes / 1000).toBeLessThan(4000);
    expect(configurations.size).toBe(1);
    await untilConnections(1);
    instances.remove(last.id);
    await untilConnections(0);
  });

  it('that Kong never closes cost what their text does, and are let go of once nobody uses them', async () => {
    const { start, configurations } = gatekeepers();
    for (let i = 0; i < 100; i += 1) start({ realm: `warm ${i}` });
    await settled();
    const before = heapBytes();
    const started = Array.from({ length: 500 }, (_, i) => start({ realm: `realm ${i}` }));
    await Promise.all(started.slice(0, 50).map(({ gatekeeper }) => expectAdmitted(gatekeeper)));
    const each = (heapBytes() - before) / started.length;
    process.stdout.write(`a configuration that is ready: ${(each / 1024).toFixed(1)} KB\n`);
    expect(each).toBeLessThan(64 * 1024);
    expect(await connections()).toBe(1);
    configurations.sweep();
    configurations.sweep();
    await untilConnections(0);
    expect(configurations.size).toBe(0);
    const [first] = started;
    if (first !== undefined) await expectAdmitted(first.gatekeeper);
    await untilConnections(1);
  });

  it('of its Redis leave one connection when Kong closes them', async () => {
    const { instances, start } = gatekeepers();
    let last = start({});
    for (let i = 0; i < 50; i += 1) {
      const next = start({}, { timeout: 59_000 + i });
      await expectAdmitted(next.gatekeeper);
      instances.remove(last.id);
      last = next;
    }
    await untilConnections(1);
  });

  /** The bytes that are still referenced. */
  function heapBytes(): number {
    collectGarbage();
    collectGarbage();
    return process.memoryUsage().heapUsed;
  }
});
