import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import type { Rate, RateLimit, RedisSettings } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { KnownTiers } from '../../../plugin/store/known-tiers';
import { appliedLimits, type AppliedLimit } from '../../../plugin/store/limits';
import { closeRedisConnections, redisFor } from '../../../plugin/store/redis-connection';
import type { GatekeeperRedis } from '../../../plugin/store/gatekeeper-redis';
import { redisStore, SLOT_BY_SLOT_MS } from '../../../plugin/store/redis-store';
import { StoreRefusedError, type LimitState } from '../../../plugin/store/store';
import { monitorRedis } from '../../fakes/redis-monitor';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { rawConfig } from '../fixture';
import { TOPOLOGIES, type TestRedis } from './topologies';

const log = pino({ level: 'silent' });
let url: string;
afterEach(() => {
  closeRedisConnections();
});

async function settings(changes: Partial<RedisSettings> = {}): Promise<RedisSettings> {
  return { ...(await parseConfig(rawConfig())).config.redis, url, timeoutMs: 5000, ...changes };
}

interface Limiter {
  consume(
    tenant: string,
    user?: string,
    ip?: string,
  ): Promise<{ admitted: boolean; state: LimitState | undefined }>;
}

/** Counts against one tenant limit of this rate, or against these limits. */
async function limiterFor(
  rates: Rate | readonly RateLimit[],
  changes: Partial<RedisSettings> = {},
): Promise<Limiter> {
  const store = redisStore(redisFor(await settings(changes), log));
  const limits = Array.isArray(rates)
    ? (rates as readonly RateLimit[])
    : [{ by: 'tenant', rate: rates as Rate, paths: [], tiers: new Map() } as const];
  return {
    async consume(tenantId, userId = 'u1', ip = '192.0.2.1') {
      const subject = { tenantId, userId, ip, tier: undefined, path: '/', routeId: 'r1' };
      const query = { limits: appliedLimits(limits, subject, 'ws-gatekeeper:'), revocationKey: undefined };
      const { admitted, states } = await store.ask(query);
      return { admitted, state: states[0] };
    },
  };
}

/** One limit of the tenant and one of its address. */
function limitsOf(tenantId: string): readonly AppliedLimit[] {
  const subject = { tenantId, userId: 'u1', ip: '192.0.2.1', tier: undefined, path: '/', routeId: 'r1' };
  return appliedLimits([limit('tenant', 99), limit('ip', 99)], subject, 'k:');
}

const minute: Rate = { limit: 60, windowSeconds: 60, burst: 10 };

async function admitted(limiter: Limiter, tenant: string, tries: number): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: tries }, () => limiter.consume(tenant)));
  return verdicts.filter((verdict) => verdict.admitted).length;
}

const limit = (by: RateLimit['by'], burst: number): RateLimit => ({
  by,
  rate: { limit: 1, windowSeconds: 60, burst },
  paths: [],
  tiers: new Map(),
});

describe.each(TOPOLOGIES)('a limit in %s', (_, start) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await start();
    ({ url } = redis);
  }, 60_000);
  beforeEach(() => redis.flush());
  afterAll(() => redis.stop());

  it('admits the burst and one, then tells how long to wait', async () => {
    const limiter = await limiterFor({ limit: 1, windowSeconds: 3600, burst: 2 });
    const states = [];
    for (let i = 0; i < 4; i += 1) states.push(await limiter.consume('acme'));
    expect(states.map((verdict) => verdict.admitted)).toEqual([true, true, true, false]);
    expect(states.map((verdict) => verdict.state?.remaining)).toEqual([2, 1, 0, 0]);
    expect(states[3]?.state).toMatchObject({ limit: 1 });
    expect(states[3]?.state?.retryAfterUs).toBeGreaterThan(3_500_000_000);
    expect(states[3]?.state?.resetUs).toBeGreaterThan(3 * 3_500_000_000);
  });

  it('is shared by two gatekeepers, whatever the interleaving', async () => {
    // It gives nothing back while the test runs, however slow the machine is.
    const hour = { limit: 1, windowSeconds: 3600, burst: 10 };
    const [one, two] = [await limiterFor(hour), await limiterFor(hour, { timeoutMs: 5001 })];
    const counts = await Promise.all([admitted(one, 'acme', 40), admitted(two, 'acme', 40)]);
    expect(counts[0] + counts[1]).toBe(11);
  });

  it('is each tenant’s own, also where one name contains another’s key', async () => {
    const limiter = await limiterFor({ limit: 1, windowSeconds: 60, burst: 0 });
    for (const tenant of ['acme', 'acme}', '{acme', 'acme:tenant', 'ACME']) {
      expect((await limiter.consume(tenant)).admitted).toBe(true);
    }
  });

  it('leaves no key behind once the tenant is idle', async () => {
    const limiter = await limiterFor({ limit: 100, windowSeconds: 1, burst: 0 });
    await limiter.consume('acme');
    const key = 'ws-gatekeeper:rl:{acme}:tenant:100:1:0';
    expect(await redis.client.pttl(key)).toBeGreaterThanOrEqual(-2);
    expect(await redis.client.pttl(key)).toBeLessThanOrEqual(10);
  });

  it('that was left in the future by a clock set back refuses nobody', async () => {
    const limiter = await limiterFor(minute);
    await limiter.consume('acme');
    const key = 'ws-gatekeeper:rl:{acme}:tenant:60:60:10';
    expect(await redis.client.exists(key)).toBe(1);
    await redis.client.set(key, String(Date.now() * 1000 + 3_600_000_000), 'PX', 60_000);
    expect((await limiter.consume('acme')).admitted).toBe(true);
  });

  it('never admits more than limit + burst in any window, by the server’s own clock', async () => {
    const at = async () => {
      const [seconds, micros] = await redis.client.time();
      return Number(seconds) * 1e6 + Number(micros);
    };
    const shape = fc.record({ limit: fc.integer({ min: 20, max: 400 }), burst: fc.nat(20) });
    const pauses = fc.array(fc.nat(8), { minLength: 20, maxLength: 60 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(shape, pauses, async ({ limit, burst }, waits) => {
        const limiter = await limiterFor({ limit, windowSeconds: 1, burst });
        const tenant = `t${(run += 1)}`;
        const admissions: { before: number; after: number }[] = [];
        for (const wait of waits) {
          for (let i = 0; i < wait; i += 1) await redis.client.time();
          const before = await at();
          const verdict = await limiter.consume(tenant);
          if (verdict.admitted) admissions.push({ before, after: await at() });
          if (admissions.length === 0) throw new Error('an idle tenant was refused');
        }
        admissions.forEach(({ before }, first) => {
          const within = admissions.slice(first).filter(({ after }) => after - before < 1e6);
          expect(within.length).toBeLessThanOrEqual(limit + burst);
        });
      }),
      { numRuns: 20 },
    );
  });

  it('charges nothing if another limit refuses', async () => {
    const limiter = await limiterFor([limit('tenant', 2), limit('user', 0)]);
    expect((await limiter.consume('acme', 'u1')).admitted).toBe(true);
    for (let i = 0; i < 5; i += 1) expect((await limiter.consume('acme', 'u1')).admitted).toBe(false);
    // The tenant still has what its refused user did not get.
    expect((await limiter.consume('acme', 'u2')).admitted).toBe(true);
    expect((await limiter.consume('acme', 'u3')).admitted).toBe(true);
    expect((await limiter.consume('acme', 'u4')).admitted).toBe(false);
  });

  it('counts an address across tenants', async () => {
    const limiter = await limiterFor([limit('tenant', 9), limit('ip', 0)]);
    expect((await limiter.consume('acme', 'u1', '192.0.2.7')).admitted).toBe(true);
    expect((await limiter.consume('other', 'u1', '192.0.2.7')).admitted).toBe(false);
    expect((await limiter.consume('other', 'u1', '192.0.2.8')).admitted).toBe(true);
  });

  describe.each([
    ['in the slot of the limits', 'tier:{acme}'],
    ['in a slot of its own', 'tier:acme'],
  ])('of a tenant whose tier is %s', (_where, tierKey) => {
    const rateOf = (count: number): Rate => ({ limit: count, windowSeconds: 86_400, burst: count });
    const TIERED: RateLimit = {
      by: 'tenant',
      rate: rateOf(60),
      paths: [],
      tiers: new Map([
        ['professional', rateOf(300)],
        ['enterprise', rateOf(1000)],
      ]),
    };

    /** The limits that one upgrade is counted by, with a look-up of the tier each time. */
    async function limitsFor(
      tier?: string,
      ...others: RateLimit[]
    ): Promise<readonly (number | undefined)[]> {
      let now = 0;
      const unreadable: string[] = [];
      const known = new KnownTiers(() => (now += 1e9));
      const store = redisStore(redisFor(await settings(), log), known, (key) => unreadable.push(key));
      const subject = { tenantId: 'acme', userId: 'u1', ip: '192.0.2.1', tier, path: '/', routeId: 'r1' };
      const limits = appliedLimits([TIERED, ...others], subject, 'k:', true);
      const answer = await store.ask({ limits, revocationKey: 'blacklist:j1', tierKey });
      expect(answer).toMatchObject({ admitted: true, revoked: false });
      return answer.states.map((state) => state.limit);
    }

    it('has the figures of the tier', async () => {
      await redis.client.set(tierKey, 'enterprise');
      expect(await limitsFor()).toEqual([1000]);
      expect(await redis.client.exists('k:rl:{acme}:tenant:1000:86400:1000')).toBe(1);
      expect(await redis.client.exists('k:rl:{acme}:tenant:60:86400:60')).toBe(0);
      await redis.client.set(tierKey, 'professional');
      expect(await limitsFor()).toEqual([300]);
    });

    it('has those of the tier before those of the token’s, which holds where there is none', async () => {
      expect(await limitsFor('professional')).toEqual([300]);
      await redis.client.set(tierKey, 'enterprise');
      expect(await limitsFor('professional')).toEqual([1000]);
    });

    it('has the limit’s own for a tier that it does not name, however long, and for what is no text', async () => {
      for (const tier of [
        'gold',
        'Enterprise',
        'enterprise\n',
        '__proto__',
        '{tenant}',
        `enterprise${'x'.repeat(1e6)}`,
      ]) {
        await redis.client.set(tierKey, tier);
        expect(await limitsFor('professional')).toEqual([60]);
      }
      await redis.client.set(tierKey, '');
      expect(await limitsFor('professional')).toEqual([300]);
    });

    it('has it for each of several limits, also for those that name no tier and those of an address', async () => {
      await redis.client.set(tierKey, 'enterprise');
      const plain = { ...limit('user', 9), rate: rateOf(7) };
      expect(await limitsFor(undefined, plain, { ...TIERED, by: 'ip' })).toEqual([1000, 7, 1000]);
    });
  });

  it('goes with the look-up of a revoked token, wherever that is kept', async () => {
    const store = redisStore(redisFor(await settings(), log));
    const ask = (jti: string) => store.ask({ limits: limitsOf('acme'), revocationKey: `blacklist:${jti}` });
    for (let i = 0; i < 9; i += 1) await redis.client.set(`blacklist:revoked-${i}`, '1');
    for (let i = 0; i < 9; i += 1) {
      expect(await ask(`revoked-${i}`)).toMatchObject({ admitted: true, revoked: true });
      expect(await ask(`good-${i}`)).toMatchObject({ admitted: true, revoked: false });
    }
  });
});

describe('a proxy before several servers, which takes no keys of two slots', () => {
  let servers = 2;
  let nowMs = 0;
  const asked: number[] = [];
  const proxy: GatekeeperRedis = {
    isCluster: false,
    gcra(keys) {
      asked.push(keys.length);
      const slots = new Set(keys.map((key) => /\{.*\}/.exec(key)?.[0]));
      const refusal = new StoreRefusedError("CROSSSLOT Keys in request don't hash to the same slot");
      if (slots.size > 1 && servers > 1) return Promise.reject(refusal);
      return Promise.resolve([1, ...keys.flatMap(() => [5, 0, 1])]);
    },
    read: () => Promise.resolve(''),
    exists: () => Promise.resolve(false),
    close: () => undefined,
  };
  const query = { limits: limitsOf('acme'), revocationKey: undefined };
  const storeOf = () => redisStore(proxy, undefined, undefined, undefined, () => nowMs);
  beforeEach(() => {
    [servers, nowMs] = [2, 0];
    asked.length = 0;
  });

  it('is asked for each slot by itself', async () => {
    const store = storeOf();
    for (let n = 0; n < 2; n += 1) {
      const answer = await store.ask(query);
      expect(answer).toMatchObject({ admitted: true, uncounted: [] });
      expect(answer.states).toHaveLength(2);
    }
    expect(asked).toEqual([2, 1, 1, 1, 1]);
  });

  it('is asked for all of them again after 10 minutes: it may be one server by then', async () => {
    const store = storeOf();
    await store.ask(query);
    nowMs = SLOT_BY_SLOT_MS;
    await store.ask(query);
    expect(asked).toEqual([2, 1, 1, 2, 1, 1]);
    [servers, nowMs] = [1, 2 * SLOT_BY_SLOT_MS - 1];
    await store.ask(query);
    expect(asked.splice(0)).toEqual([2, 1, 1, 2, 1, 1, 1, 1]);
    nowMs = 2 * SLOT_BY_SLOT_MS;
    for (let n = 0; n < 2; n += 1) expect((await store.ask(query)).states).toHaveLength(2);
    expect(asked).toEqual([2, 2]);
  });
});

describe('one Redis', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis();
    ({ url } = server);
    redis = new Redis(url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('charges no tenant for an address that is over its limit, however often it comes', async () => {
    const limiter = await limiterFor([limit('tenant', 3), limit('ip', 0)]);
    expect((await limiter.consume('flooded', 'u1', '203.0.113.7')).admitted).toBe(true);
    const more = Array.from({ length: 20 }, () => limiter.consume('flooded', 'u1', '203.0.113.7'));
    for (const { admitted: isAdmitted } of await Promise.all(more)) expect(isAdmitted).toBe(false);
    for (const end of [8, 9, 10]) {
      expect((await limiter.consume('flooded', 'u2', `203.0.113.${end}`)).admitted).toBe(true);
    }
    expect((await limiter.consume('flooded', 'u2', '203.0.113.11')).admitted).toBe(false);
    // Nor is an address charged for a tenant that is over its own.
    expect((await limiter.consume('quiet', 'u1', '203.0.113.11')).admitted).toBe(true);
  });

  it('is asked for all limits and the revoked token in one round trip', async () => {
    const store = redisStore(redisFor(await settings(), log));
    const query = { limits: limitsOf('acme'), revocationKey: 'blacklist:j1' };
    await store.ask(query);
    await redis.set('blacklist:j1', '1');
    const seen: string[] = [];
    let tellLast = (): void => undefined;
    const last = new Promise<void>((resolve) => (tellLast = resolve));
    const stop = await monitorRedis(redis, ([name = ''], source) => {
      if (name.toLowerCase() === 'echo') tellLast();
      // A busy machine gives the connection time for a PING of its own.
      else if (source !== 'lua' && name.toLowerCase() !== 'ping') seen.push(name.toLowerCase());
    });
    expect(await store.ask(query)).toMatchObject({ admitted: true, revoked: true });
    await redis.echo('the last');
    await last;
    stop();
    // Limits of a tenant and of an address are one charge, and its look-up leaves beside it.
    expect(seen).toEqual(['evalsha', 'exists']);
  });

  it('is asked for the tier in the call for the limits, and for no more', async () => {
    const tiered = { ...limit('tenant', 9), tiers: new Map([['enterprise', minute]]) };
    const subject = { tenantId: 'acme', userId: 'u1', ip: '', tier: undefined, path: '/', routeId: 'r1' };
    const known = new KnownTiers(() => 0);
    const store = redisStore(redisFor(await settings(), log), known);
    const query = {
      limits: appliedLimits([tiered], subject, 'k:', true),
      revocationKey: undefined,
      tierKey: 'tier:acme',
    };
    await redis.set('tier:acme', 'enterprise');
    await store.ask(query);
    const before = await redis.info('commandstats');
    await store.ask(query);
    const calls = (info: string, name: string) =>
      Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
    const after = await redis.info('commandstats');
    expect(calls(after, 'evalsha') - calls(before, 'evalsha')).toBe(1);
    expect(calls(after, 'getrange') - calls(before, 'getrange')).toBe(1);
    expect(known.get('tier:acme')).toMatchObject({ tier: 'enterprise' });
  });

  it('that holds something else than a text as the tier says so, and the limit’s own figures hold', async () => {
    const tiered = { ...limit('tenant', 9), tiers: new Map([['enterprise', minute]]) };
    const subject = { tenantId: 'hash', userId: 'u1', ip: '', tier: 'enterprise', path: '/', routeId: 'r1' };
    const unreadable: string[] = [];
    const store = redisStore(redisFor(await settings(), log), undefined, (key) => unreadable.push(key));
    await redis.hset('tier:hash', 'tier', 'enterprise');
    const limits = appliedLimits([tiered], subject, 'k:', true);
    const answer = await store.ask({ limits, revocationKey: undefined, tierKey: 'tier:hash' });
    expect(answer).toMatchObject({ admitted: true, states: [{ limit: 1 }] });
    expect(unreadable).toEqual(['tier:hash']);
  });

  it('that is away is told within the timeout: not listening, and listening but silent', async () => {
    const minimal = minute;
    const nowhere = await limiterFor(minimal, { url: 'redis://127.0.0.1:1', timeoutMs: 100 });
    await expect(nowhere.consume('acme')).rejects.toMatchObject({ code: 'ERR_STORE_UNREACHABLE' });

    const limiter = await limiterFor(minimal, { timeoutMs: 2000 });
    await limiter.consume('acme');
    process.kill(server.pid, 'SIGSTOP');
    try {
      await expect(limiter.consume('acme')).rejects.toMatchObject({ code: 'ERR_STORE_UNREACHABLE' });
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
  });

  it('is used again by itself when it returns', async () => {
    const limiter = await limiterFor(minute);
    await limiter.consume('acme');
    await server.stop();
    await expect(limiter.consume('acme')).rejects.toMatchObject({ code: 'ERR_STORE_UNREACHABLE' });
    await server.restart();
    let verdict: unknown;
    while (verdict === undefined)
      verdict = await limiter.consume('acme').catch(() => new Promise((resolve) => setImmediate(resolve)));
    expect(verdict).toMatchObject({ admitted: true });
  });
});
