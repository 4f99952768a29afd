import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import type { RateLimit } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { appliedLimits } from '../../../plugin/store/limits';
import { memoryStore } from '../../../plugin/store/memory-store';
import { closeRedisConnections, redisFor } from '../../../plugin/store/redis-connection';
import { redisStore } from '../../../plugin/store/redis-store';
import type { Store, StoreAnswer } from '../../../plugin/store/store';
import { returnKey } from '../../../protocol/return-key';
import { rawConfig } from '../fixture';
import { TOPOLOGIES, type TestRedis } from './topologies';

/** So long that no page ends by itself while a test runs. */
const SECONDS = 600;
const UPGRADES = 4;
const BURST = 2;
/** So slow that no test sees it give room again. */
const limit = (by: RateLimit['by'], changes: Partial<RateLimit> = {}): RateLimit => ({
  by,
  rate: { limit: 1, windowSeconds: 86_400, burst: BURST },
  paths: [],
  tiers: new Map(),
  page: { seconds: SECONDS, upgrades: UPGRADES },
  ...changes,
});

interface Upgrade {
  readonly tenant?: string;
  readonly user?: string;
  readonly limits?: readonly RateLimit[];
  readonly tierKey?: string;
}

type Ask = (path: string, upgrade?: Upgrade) => Promise<StoreAnswer>;

/** Asks a store for upgrades. */
const asking =
  (store: Store): Ask =>
  (path, { tenant = 'acme', user = 'ana', limits = [limit('tenant')], tierKey } = {}) => {
    const names = { tenantId: tenant, userId: user, ip: '192.0.2.1', tier: undefined, routeId: 'r' };
    const subject = { ...names, path, upstreamPath: path };
    return store.ask({
      limits: appliedLimits(limits, subject, 'k:', tierKey !== undefined),
      revocationKey: undefined,
      tierKey,
      returnKey: returnKey('', tenant, user, path),
    });
  };

/** The upgrades that are left after each of these; undefined for a refused one. */
async function remaining(ask: Ask, paths: readonly string[], upgrade?: Upgrade) {
  const left: (number | undefined)[] = [];
  for (const path of paths) {
    const { admitted, states } = await ask(path, upgrade);
    left.push(admitted ? states.at(-1)?.remaining : undefined);
  }
  return left;
}

async function redisAt(url: string): Promise<Store> {
  const { redis } = (await parseConfig(rawConfig())).config;
  return redisStore(redisFor({ ...redis, url, timeoutMs: 5000 }, pino({ level: 'silent' })));
}

/** A store, and the end of all pages that are open in it. */
interface TestStore {
  readonly ask: Ask;
  readonly endPages: () => Promise<void>;
}

/** Stores of one kind, each of them new. */
interface TestStores {
  store(): Promise<TestStore>;
  stop(): Promise<void>;
}

/** Every kind of store that counts upgrades. */
const STORES: readonly (readonly [string, () => Promise<TestStores>])[] = [
  [
    'memory',
    () =>
      Promise.resolve({
        store() {
          let nowUs = 1e15;
          const ask = asking(memoryStore(() => nowUs));
          const endPages = () => {
            nowUs += SECONDS * 1e6;
            return Promise.resolve();
          };
          return Promise.resolve({ ask, endPages });
        },
        stop: () => Promise.resolve(),
      }),
  ],
  ...TOPOLOGIES.map(
    ([name, start]) =>
      [
        name,
        async () => {
          const redis = await start();
          return {
            async store() {
              await redis.flush();
              const ask = asking(await redisAt(redis.url));
              return { ask, endPages: () => endPages(redis) };
            },
            stop: () => redis.stop(),
          };
        },
      ] as const,
  ),
];

/** As when their time is over. */
async function endPages({ client }: TestRedis): Promise<void> {
  const keys = ['acme', 'other'].flatMap((tenant) =>
    ['ana', 'bob'].map(
      (user) => `k:rl:{${tenant}}:page:${user}:${SECONDS}:${UPGRADES}:tenant:1:86400:${BURST}`,
    ),
  );
  for (const key of keys) await client.del(key);
}

afterEach(() => {
  closeRedisConnections();
});

describe.each(STORES)('a page in %s', (_, start) => {
  let stores: TestStores;
  let ask: Ask;
  let end: () => Promise<void>;
  beforeAll(async () => {
    stores = await start();
  }, 60_000);
  beforeEach(async () => {
    ({ ask, endPages: end } = await stores.store());
  });
  afterAll(() => stores.stop());

  it('costs one upgrade, also when nothing is left for the next one', async () => {
    expect(await remaining(ask, ['/a', '/b', '/c', '/d'])).toEqual([2, 2, 2, 2]);
    await end();
    expect(await remaining(ask, ['/a', '/b', '/c', '/d'])).toEqual([1, 1, 1, 1]);
    await end();
    expect(await remaining(ask, ['/a', '/b', '/c', '/d'])).toEqual([0, 0, 0, 0]);
    await end();
    expect(await remaining(ask, ['/a', '/b', '/c', '/d'])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('has so many upgrades, and a further one begins another page', async () => {
    expect(await remaining(ask, ['/a', '/b', '/c', '/d', '/e', '/f', '/g', '/h', '/i'])).toEqual([
      ...[2, 2, 2, 2],
      ...[1, 1, 1, 1],
      0,
    ]);
  });

  it('has each path once: a client that comes back in a loop is charged each time', async () => {
    expect(await remaining(ask, ['/a', '/a', '/a', '/a'])).toEqual([2, 1, 0, undefined]);
    expect((await ask('/b')).admitted).toBe(true);
  });

  it('that is loaded again costs another upgrade', async () => {
    const page = ['/a', '/b', '/c'];
    expect(await remaining(ask, [...page, ...page])).toEqual([2, 2, 2, 1, 1, 1]);
  });

  it('tells paths apart that begin alike', async () => {
    expect(await remaining(ask, ['/a/1', '/a', '/a/1 ', '/a/'])).toEqual([2, 2, 2, 2]);
  });

  it('is one user’s of one tenant', async () => {
    expect(await remaining(ask, ['/a'])).toEqual([2]);
    expect(await remaining(ask, ['/b'], { user: 'bob' })).toEqual([1]);
    expect(await remaining(ask, ['/b'], { tenant: 'other' })).toEqual([2]);
    expect(await remaining(ask, ['/b'])).toEqual([1]);
  });

  it('is over when its time is, however late its last upgrade came', async () => {
    expect(await remaining(ask, ['/a', '/b'])).toEqual([2, 2]);
    await end();
    expect(await remaining(ask, ['/c'])).toEqual([1]);
  });

  it('is charged by each limit by itself: one without pages charges every upgrade', async () => {
    const chat = limit('tenant', { page: undefined, rate: { limit: 1, windowSeconds: 3600, burst: 1 } });
    const limits = [limit('tenant'), chat];
    const both = async (path: string) => {
      const { admitted, states } = await ask(path, { limits });
      return [admitted, ...states.map((state) => state.remaining)];
    };
    expect(await both('/a')).toEqual([true, 2, 1]);
    expect(await both('/b')).toEqual([true, 2, 0]);
    expect(await both('/c')).toEqual([false, 2, 0]);
    // A refused upgrade belongs to no page.
    expect(await remaining(ask, ['/c'])).toEqual([2]);
  });

  it('is charged by limits by user and by route as by tenant', async () => {
    for (const by of ['user', 'route'] as const) {
      expect(await remaining(ask, ['/a', '/b', '/a'], { limits: [limit(by)] })).toEqual([2, 2, 1]);
    }
  });

  it('never admits more than its upgrades for each charge, and charges whoever is not of a page', async () => {
    const users = fc.constantFrom('ana', 'bob');
    const step = fc.oneof(
      { weight: 1, arbitrary: fc.constant(undefined) },
      { weight: 9, arbitrary: fc.tuple(users, fc.constantFrom('/a', '/b', '/c', '/d', '/e', '/f')) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { ask: next, endPages: endAll } = await stores.store();
        const open = new Map<string, string[]>();
        let [room, charges, admitted] = [BURST + 1, 0, 0];
        for (const given of steps) {
          if (given === undefined) {
            await endAll();
            open.clear();
            continue;
          }
          const [user, path] = given;
          const paths = open.get(user);
          const isOfPage = paths !== undefined && paths.length < UPGRADES && !paths.includes(path);
          const expected = isOfPage || room > 0;
          expect((await next(path, { user })).admitted).toBe(expected);
          if (!expected) continue;
          admitted += 1;
          if (isOfPage) paths.push(path);
          else {
            open.set(user, [path]);
            charges += 1;
            room -= 1;
          }
        }
        expect(admitted).toBeLessThanOrEqual(UPGRADES * charges);
      }),
      { numRuns: 40 },
    );
  });
});

describe.each(TOPOLOGIES)('a page in %s', (_, start) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await start();
  }, 60_000);
  beforeEach(() => redis.flush());
  afterAll(() => redis.stop());

  const key = `k:rl:{acme}:page:ana:${SECONDS}:${UPGRADES}:tenant:1:86400:${BURST}`;

  it('is kept for its time from the upgrade that was charged', async () => {
    const ask = asking(await redisAt(redis.url));
    await ask('/a');
    expect(await redis.client.pttl(key)).toBeGreaterThan(0);
    expect(await redis.client.pttl(key)).toBeLessThanOrEqual(SECONDS * 1000);
    await redis.client.pexpire(key, 500 * SECONDS);
    await ask('/b');
    expect(await redis.client.pttl(key)).toBeLessThanOrEqual(500 * SECONDS);
    await ask('/b');
    expect(await redis.client.pttl(key)).toBeGreaterThan(500 * SECONDS);
  });

  it('is one page whichever tier the tenant has', async () => {
    const tiers = new Map([['gold', { limit: 5, windowSeconds: 86_400, burst: 4 }]]);
    const limits = [
      limit('user', { rate: { limit: 9, windowSeconds: 86_400, burst: 9 } }),
      limit('tenant', { tiers }),
    ];
    const ask = asking(await redisAt(redis.url));
    for (const tierKey of ['tier:{acme}', 'tier:acme']) {
      await redis.flush();
      await redis.client.set(tierKey, 'gold');
      expect(await remaining(ask, ['/a', '/b', '/b'], { limits, tierKey })).toEqual([4, 4, 3]);
      expect(await redis.client.get(key)).toBe(' %2Fb ');
    }
  });

  it('takes no return for an upgrade, nor does a return begin one', async () => {
    const ask = asking(await redisAt(redis.url));
    const entry = `${Date.now() + 60_000} 1`;
    const returns = returnKey('', 'acme', 'ana', '/a') ?? '';
    await redis.client.rpush(returns, entry);
    expect(await remaining(ask, ['/a'])).toEqual([BURST + 1]);
    expect(await redis.client.exists(key)).toBe(0);
    expect(await remaining(ask, ['/b', '/c'])).toEqual([2, 2]);
  });
});
