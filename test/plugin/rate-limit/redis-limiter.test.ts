import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { parseConfig, type RateLimit, type RedisSettings } from '../../../plugin/config';
import type { RateLimiter } from '../../../plugin/rate-limit/limiter';
import { redisLimiter } from '../../../plugin/rate-limit/redis-limiter';
import { closeRedisConnections, redisFor } from '../../../plugin/redis-connection';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { rawConfig } from '../fixture';

const log = pino({ level: 'silent' });
let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
});
afterEach(() => {
  closeRedisConnections();
});

async function settings(changes: Partial<RedisSettings> = {}): Promise<RedisSettings> {
  return { ...(await parseConfig(rawConfig())).config.redis, url: server.url, ...changes };
}

async function limiterFor(limit: RateLimit, changes: Partial<RedisSettings> = {}): Promise<RateLimiter> {
  return redisLimiter(redisFor(await settings(changes), log), limit, 'ws-gatekeeper:');
}

const minute: RateLimit = { limit: 60, windowSeconds: 60, burst: 10 };

async function admitted(limiter: RateLimiter, tenant: string, tries: number): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: tries }, () => limiter.consume(tenant)));
  return verdicts.filter((verdict) => verdict.admitted).length;
}

describe('a limit in Redis', () => {
  it('admits the burst and one, then tells how long to wait', async () => {
    const limiter = await limiterFor({ limit: 1, windowSeconds: 60, burst: 2 });
    const states = [];
    for (let i = 0; i < 4; i += 1) states.push(await limiter.consume('acme'));
    expect(states.map((verdict) => verdict.admitted)).toEqual([true, true, true, false]);
    expect(states.map((verdict) => verdict.state.remaining)).toEqual([2, 1, 0, 0]);
    expect(states[3]?.state).toMatchObject({ limit: 1, retryAfterSeconds: 60, resetSeconds: 180 });
  });

  it('is shared by two gatekeepers, whatever the interleaving', async () => {
    const [one, two] = [await limiterFor(minute), await limiterFor(minute, { timeoutMs: 501 })];
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
    const [key] = await redis.keys('*');
    expect(key).toBe('ws-gatekeeper:rl:{acme}:tenant:100:1:0');
    expect(await redis.pttl(key ?? '')).toBeLessThanOrEqual(10);
  });

  it('that was left in the future by a clock set back refuses nobody', async () => {
    const limiter = await limiterFor(minute);
    await limiter.consume('acme');
    const [key] = await redis.keys('*');
    await redis.set(key ?? '', String(Date.now() * 1000 + 3_600_000_000), 'PX', 60_000);
    expect((await limiter.consume('acme')).admitted).toBe(true);
  });

  it('never admits more than limit + burst in any window, by the server’s own clock', async () => {
    const at = async () => {
      const [seconds, micros] = await redis.time();
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
          for (let i = 0; i < wait; i += 1) await redis.ping();
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
});

describe('Redis away', () => {
  it('is told within the timeout: not listening, and listening but silent', async () => {
    const minimal: RateLimit = minute;
    const nowhere = await limiterFor(minimal, { url: 'redis://127.0.0.1:1', timeoutMs: 100 });
    await expect(nowhere.consume('acme')).rejects.toMatchObject({ code: 'ERR_STORE_UNREACHABLE' });

    const limiter = await limiterFor(minimal, { timeoutMs: 100 });
    await limiter.consume('acme');
    process.kill(server.pid, 'SIGSTOP');
    try {
      const begun = process.hrtime.bigint();
      await expect(limiter.consume('acme')).rejects.toMatchObject({ code: 'ERR_STORE_UNREACHABLE' });
      expect(Number(process.hrtime.bigint() - begun) / 1e6).toBeLessThan(5000);
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
  });

  it('is over by itself when Redis returns', async () => {
    const limiter = await limiterFor(minute, { timeoutMs: 200 });
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
