import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import type { RateLimit } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import {
  chargeAlone,
  GatheredCalls,
  MAX_GATHERED,
  ONE_BY_ONE_MS,
  type CallSender,
  type GcraReply,
} from '../../../plugin/store/gathered-calls';
import { appliedLimits } from '../../../plugin/store/limits';
import { closeRedisConnections, redisFor } from '../../../plugin/store/redis-connection';
import { redisStore } from '../../../plugin/store/redis-store';
import { StoreRefusedError, StoreUnreachableError, type Store } from '../../../plugin/store/store';
import { monitorRedis } from '../../fakes/redis-monitor';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { rawConfig } from '../fixture';

const LUA = readFileSync(join(__dirname, '../../../plugin/store/gcra.lua'), 'utf8');

/** So slow that no test sees it give room again. */
const limit = (by: RateLimit['by'], changes: Partial<RateLimit> = {}): RateLimit => ({
  by,
  rate: { limit: 1, windowSeconds: 86_400, burst: 2 },
  paths: [],
  tiers: new Map(),
  ...changes,
});

const LIMITS: readonly (readonly RateLimit[])[] = [
  [],
  [limit('tenant')],
  [limit('tenant'), limit('user'), limit('ip')],
  [limit('user', { page: { seconds: 60, upgrades: 2 } })],
  [
    limit('tenant', { tiers: new Map([['gold', { limit: 7, windowSeconds: 86_400, burst: 4 }]]) }),
    limit('user'),
  ],
];

interface Upgrade {
  readonly tenant: string;
  readonly user: string;
  readonly path: string;
  readonly limits: readonly RateLimit[];
  readonly jti: string | undefined;
  readonly isDryRun: boolean;
}

const upgrade: fc.Arbitrary<Upgrade> = fc.record({
  tenant: fc.constantFrom('acme', 'acme', 'gold', 'broken', 'ö}{'),
  user: fc.constantFrom('ana', 'bob'),
  path: fc.constantFrom('/a', '/b'),
  limits: fc.constantFrom(...LIMITS),
  jti: fc.constantFrom(undefined, 'good', 'revoked'),
  isDryRun: fc.boolean(),
});

function askFor(store: Store, { tenant: tenantId, user: userId, path, limits, jti, isDryRun }: Upgrade) {
  const subject = { tenantId, userId, path, upstreamPath: path, ip: '::1', tier: undefined, routeId: 'r' };
  const applied = appliedLimits(limits, subject, 'k:', true);
  return store.ask({
    limits: applied,
    revocationKey: jti === undefined ? undefined : `blacklist:${jti}`,
    tierKey: `tier:${tenantId}`,
    returnKey: `return:${applied[0]?.slot}:${userId}`,
    isDryRun,
  });
}

/** The answer without what the time between two of them changes. */
async function verdictOf(store: Store, asked: Upgrade) {
  const { admitted, states, uncounted = [], revoked } = await askFor(store, asked);
  const figures = states.map((state) => [state.limit, state.remaining, state.retryAfterUs > 0]);
  return { admitted, revoked, figures, uncounted: uncounted.length };
}

async function storeAt(url: string): Promise<Store> {
  const { redis } = (await parseConfig(rawConfig())).config;
  return redisStore(redisFor({ ...redis, url, timeoutMs: 5000 }, pino({ level: 'silent' })));
}

/** A store that asks every call by itself. */
function oneByOne(client: Redis): Store {
  const run: CallSender['run'] = async (keys, args) => {
    try {
      return (await client.eval(LUA, keys.length, ...keys, ...args)) as GcraReply[];
    } catch (cause) {
      throw new StoreRefusedError((cause as Error).message);
    }
  };
  return redisStore({
    isCluster: false,
    gcra: (keys, args) => chargeAlone({ run }, { keys, args }),
    exists: async (key) => (await client.exists(key)) > 0,
    read: (key) => client.getrange(key, 0, 256),
    close: () => undefined,
  });
}

describe('the calls of one turn', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  afterEach(() => {
    closeRedisConnections();
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  /** One tenant's limits are of a type that cannot be counted by. */
  async function seed(): Promise<void> {
    await redis.flushall();
    await redis.set('blacklist:revoked', '1');
    await redis.set('tier:gold', 'gold');
    await redis.rpush('return:{acme}:ana', `${Date.now() + 60_000} 1`);
    await redis.rpush('k:rl:{broken}:tenant:1:86400:2', 'no number');
    await redis.set('k:rl:{broken}:user:bob:1:86400:2', 'no number');
  }

  /** All that is kept, but for moments. */
  async function kept(): Promise<Record<string, unknown>> {
    const entries = (await redis.keys('*')).sort().map(async (key) => {
      if ((await redis.type(key)) === 'list') return [key, await redis.llen(key)];
      return [key, key.includes(':page:') ? await redis.get(key) : (await redis.pttl(key)) > 0];
    });
    return Object.fromEntries(await Promise.all(entries)) as Record<string, unknown>;
  }

  it('are answered, and leave behind, what they do one by one', async () => {
    const [gathered, alone] = [await storeAt(server.url), oneByOne(redis)];
    await fc.assert(
      fc.asyncProperty(fc.array(upgrade, { minLength: 1, maxLength: 20 }), async (upgrades) => {
        await seed();
        const expected = [];
        for (const asked of upgrades) expected.push(await verdictOf(alone, asked));
        const left = await kept();
        await seed();
        expect(await Promise.all(upgrades.map((asked) => verdictOf(gathered, asked)))).toEqual(expected);
        expect(await kept()).toEqual(left);
      }),
      { numRuns: 150 },
    );
  });

  const asked: Upgrade = {
    ...{ tenant: 'acme', user: 'ana', path: '/a', limits: [limit('tenant')], jti: 'good', isDryRun: false },
  };

  /** The names of the commands that the server is sent meanwhile. */
  async function sentDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
    const seen: string[] = [];
    let tellLast = (): void => undefined;
    const last = new Promise<void>((resolve) => (tellLast = resolve));
    const stop = await monitorRedis(redis, ([name = '', arg], source) => {
      if (arg === 'the last') tellLast();
      else if (source !== 'lua' && !/^ping$/i.test(name)) seen.push(name.toLowerCase());
    });
    await work();
    await redis.echo('the last');
    await last;
    stop();
    return seen;
  }

  it('leave in one run, or in as few as hold them', async () => {
    const store = await storeAt(server.url);
    await seed();
    await askFor(store, asked);
    const askMany = (count: number) => () =>
      Promise.all(Array.from({ length: count }, (_, i) => askFor(store, { ...asked, tenant: `t${i}` })));
    expect(await sentDuring(askMany(MAX_GATHERED))).toEqual(['evalsha']);
    expect(await sentDuring(askMany(MAX_GATHERED + 1))).toEqual(['evalsha', 'evalsha']);
  });

  it('leave as two commands when there is one charge: its run would cost more', async () => {
    const store = await storeAt(server.url);
    await seed();
    await askFor(store, asked);
    expect([...(await sentDuring(() => askFor(store, asked)))].sort()).toEqual(['evalsha', 'exists']);
  });

  it('that only look up run no script', async () => {
    const store = await storeAt(server.url);
    await askFor(store, asked);
    const [first, second] = ['good', 'revoked'].map((jti) => ({ ...asked, limits: [], jti }));
    if (first === undefined || second === undefined) throw new Error('expected two');
    await seed();
    const sent = await sentDuring(async () => {
      expect(await Promise.all([verdictOf(store, first), verdictOf(store, second)])).toMatchObject([
        { revoked: false },
        { revoked: true },
      ]);
    });
    expect(sent).toEqual(['exists', 'exists']);
  });

  it('are charged once when Redis has lost the script', async () => {
    const store = await storeAt(server.url);
    await seed();
    await askFor(store, { ...asked, isDryRun: true });
    await redis.script('FLUSH');
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => askFor(store, { ...asked, user: 'bob' })),
    );
    expect(answers.map(({ admitted }) => admitted)).toEqual([true, true, true, false, false]);
  });

  it('take nothing from each other when Redis denies the keys of one', async () => {
    await seed();
    await redis.acl(
      'SETUSER',
      'narrow',
      'on',
      '>secret',
      '~k:rl:{acme}:*',
      '~blacklist:*',
      '~tier:*',
      '+@all',
    );
    const store = await storeAt(server.url.replace('//', '//narrow:secret@'));
    const others = ['acme', 'other', 'acme'].map((tenant) => ({ ...asked, tenant, user: 'bob' }));
    const verdicts = await Promise.all(others.map((one) => verdictOf(store, one)));
    expect(verdicts).toMatchObject([
      { uncounted: 0, figures: [[1, 2, false]], revoked: false },
      { uncounted: 1, figures: [], revoked: false },
      { uncounted: 0, figures: [[1, 1, false]], revoked: false },
    ]);
  });
});

describe('gathered calls', () => {
  /** Calls of a Redis that answers runs so, and one by one that it counts and knows. */
  function callsOf(answer: (args: readonly unknown[]) => readonly GcraReply[] | Error) {
    const [runs, refusals] = [[] as number[], [] as string[]];
    let nowMs = 0;
    const sender: CallSender = {
      run(_keys, args) {
        runs.push(Number(args[0]));
        const answered = answer(args);
        return answered instanceof Error ? Promise.reject(answered) : Promise.resolve(answered);
      },
      exists: (key) => Promise.resolve(key === 'known'),
      inOneWrite: (work) => {
        work();
      },
    };
    const calls = new GatheredCalls(
      sender,
      () => nowMs,
      (reason) => refusals.push(reason),
    );
    const askAll = () =>
      Promise.allSettled([calls.charge(['a'], [1, 1]), calls.charge(['b'], [1, 1]), calls.exists('known')]);
    return { runs, refusals, askAll, pass: (ms: number) => (nowMs += ms) };
  }

  it('fail together when there is no answer', async () => {
    const { askAll, runs } = callsOf(() => new StoreUnreachableError('Command timed out'));
    const settled = await askAll();
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(runs).toEqual([2]);
  });

  it('fail together when the sender fails in an unknown way, so that none waits for ever', async () => {
    const { askAll } = callsOf(() => new RangeError('a fault of ours'));
    for (const settled of await askAll())
      expect(settled).toMatchObject({ status: 'rejected', reason: { name: 'RangeError' } });
  });

  it('are made one by one when a run is refused, and for a while', async () => {
    const { askAll, runs, pass } = callsOf(([charges]) =>
      charges === 1 ? [[1, 5, 0, 0]] : new StoreRefusedError('CROSSSLOT'),
    );
    const each = [{ value: [1, 5, 0, 0] }, { value: [1, 5, 0, 0] }, { value: true }];
    expect(await askAll()).toMatchObject(each);
    expect(runs.splice(0)).toEqual([2, 1, 1]);
    pass(ONE_BY_ONE_MS - 1);
    expect(await askAll()).toMatchObject(each);
    expect(runs.splice(0)).toEqual([1, 1]);
    pass(1);
    await askAll();
    expect(runs).toEqual([2, 1, 1]);
  });

  it('hear what became of one in its own words, and look up alone what a script may not', async () => {
    const { askAll, refusals } = callsOf(() => ['OOM no room', [1, 5, 0, 0], 'ERR not in a script']);
    expect(await askAll()).toMatchObject([
      { status: 'rejected', reason: { code: 'ERR_STORE_REFUSED', message: 'OOM no room' } },
      { value: [1, 5, 0, 0] },
      { value: true },
    ]);
    expect(refusals).toEqual(['OOM no room']);
  });

  it('that were given no reply are a fault and no admission', async () => {
    const { askAll } = callsOf(() => [[1, 5, 0, 0]]);
    expect(await askAll()).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { name: 'TypeError' } },
      // Asked for alone.
      { value: true },
    ]);
  });
});
