import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { RETURN_LIFETIME_MS } from '../../../protocol/return-key';
import { redisReturnStore } from '../../../sidecar/quotas/redis-return-store';
import { MAX_KEYS_PER_CALL, Returns, type Grants } from '../../../sidecar/quotas/returns';
import { RedisNames } from '../../../sidecar/redis/names';
import { startRedis, type RedisServer } from '../../fakes/redis-server';

const NAMES = new RedisNames('staging:');

/** Returns whose calls are kept. */
function recorded(fault?: Error) {
  const [calls, faults]: [Grants[], unknown[]] = [[], []];
  const store = {
    grant: (grants: Grants): Promise<void> => {
      calls.push(new Map(grants));
      return fault === undefined ? Promise.resolve() : Promise.reject(fault);
    },
  };
  return { calls, faults, returns: new Returns(store, NAMES, (error) => faults.push(error)) };
}

describe('returns', () => {
  it('of a tenant that are granted in one turn are one call', async () => {
    const { calls, returns } = recorded();
    for (const user of ['a', 'b', 'a']) expect(returns.grant('acme', user, '/ws')).toBe(true);
    returns.grant('other', 'a', '/ws');
    expect(calls).toEqual([]);
    await new Promise(setImmediate);
    expect(calls).toEqual([
      new Map([
        ['staging:ws:return:{acme}:a:%2Fws', 2],
        ['staging:ws:return:{acme}:b:%2Fws', 1],
      ]),
      new Map([['staging:ws:return:{other}:a:%2Fws', 1]]),
    ]);
  });

  it('go out in calls of a bounded size', async () => {
    const { calls, returns } = recorded();
    for (let i = 0; i <= MAX_KEYS_PER_CALL; i += 1) returns.grant('acme', `u${i}`, '/ws');
    await returns.settled();
    expect(calls.map((grants) => grants.size)).toEqual([MAX_KEYS_PER_CALL, 1]);
  });

  it('that Redis does not take are told of, and lost', async () => {
    const fault = new Error('OOM');
    const { calls, faults, returns } = recorded(fault);
    returns.grant('acme', 'a', '/ws');
    await returns.settled();
    await returns.settled();
    expect(calls).toHaveLength(1);
    expect(faults).toEqual([fault]);
  });

  it('are settled when Redis has answered for all of them, not before', async () => {
    let answer: (() => void) | undefined;
    const store = { grant: () => new Promise<void>((resolve) => (answer = resolve)) };
    const returns = new Returns(store, NAMES, () => undefined);
    returns.grant('acme', 'a', '/ws');
    let isSettled = false;
    const settled = returns.settled().then(() => (isSettled = true));
    await new Promise(setImmediate);
    expect(isSettled).toBe(false);
    answer?.();
    await settled;
  });

  it('to a path that is too long are none', async () => {
    const { calls, returns } = recorded();
    expect(returns.grant('acme', 'a', `/${'x'.repeat(1000)}`)).toBe(false);
    await returns.settled();
    expect(calls).toEqual([]);
  });
});

describe('returns in Redis', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  beforeEach(() => redis.flushall());
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('are good for two minutes by its clock, and their key no longer', async () => {
    const returns = new Returns(redisReturnStore(redis), NAMES, (error) => {
      throw error;
    });
    const [from] = await redis.time();
    for (let i = 0; i < 3; i += 1) returns.grant('acme', 'a', '/ws');
    await returns.settled();
    const [until] = await redis.time();
    const key = 'staging:ws:return:{acme}:a:%2Fws';
    const [end, count] = ((await redis.lindex(key, 0)) ?? '').split(' ').map(Number);
    expect(count).toBe(3);
    expect(end).toBeGreaterThanOrEqual(Number(from) * 1000 + RETURN_LIFETIME_MS);
    expect(end).toBeLessThan((Number(until) + 1) * 1000 + RETURN_LIFETIME_MS);
    const lifetimeMs = await redis.pttl(key);
    expect(lifetimeMs).toBeGreaterThan(0);
    expect(lifetimeMs).toBeLessThanOrEqual(RETURN_LIFETIME_MS);
  });

  it('that nobody takes are no more than so many, the latest, however many sockets are cut', async () => {
    const store = redisReturnStore(redis);
    const key = 'ws:return:{acme}:a:%2Fws';
    await redis.rpush(key, ...Array.from({ length: 2000 }, (_, index) => `${index} 1`));
    await store.grant(new Map([[key, 7]]), RETURN_LIFETIME_MS);
    expect(await redis.llen(key)).toBe(1000);
    expect(await redis.lindex(key, 0)).toBe('1001 1');
    expect(await redis.lindex(key, -1)).toMatch(/^\d+ 7$/);
  });

  it('are granted as well by a user who may not shorten a list', async () => {
    await redis.call('ACL', 'SETUSER', 'older', 'on', '>pw', '~*', '+@all', '-ltrim');
    const older = new Redis(server.url.replace('//', '//older:pw@'));
    const key = 'ws:return:{acme}:a:%2Fws';
    await redisReturnStore(older).grant(new Map([[key, 1]]), RETURN_LIFETIME_MS);
    older.disconnect();
    expect(await redis.llen(key)).toBe(1);
    expect(await redis.pttl(key)).toBeGreaterThan(0);
  });
});
