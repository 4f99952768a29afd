import { randomBytes } from 'node:crypto';
import { Redis, ReplyError } from 'ioredis';
import { ANNOUNCED_AT_ONCE, ConnectionQuota } from '../../../sidecar/quotas/connection-quota';
import { redisQuotaStore } from '../../../sidecar/quotas/redis-quota-store';
import { TenantQuota, type QuotaStore, type Permit } from '../../../sidecar/quotas/tenant-quota';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { eventually, UNPREFIXED } from '../fixture';

const LEASE_MS = 30_000;
const TENANT_KEY = 'ws:conn:{acme}';

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

function newCaps(
  limits: Partial<{ tenant: number; user: number }>,
  leaseMs = LEASE_MS,
  client = redis,
): ConnectionQuota {
  const store = redisQuotaStore(client, randomBytes(8).toString('hex'), leaseMs);
  return new ConnectionQuota(store, UNPREFIXED, { tenant: 0, user: 0, ...limits });
}

async function taken(quota: ConnectionQuota, tenant = 'acme', user = 'alice'): Promise<Permit> {
  const permit = await quota.acquire(tenant, user);
  if (typeof permit === 'string') throw new Error(`expected a place, but the ${permit} has none`);
  return permit;
}

/** How many connections each limit counts, by key. */
async function counted(): Promise<Record<string, number>> {
  const keys = (await redis.keys('*')).sort();
  const sums = await Promise.all(
    keys.map(async (key) =>
      (await redis.hvals(key)).reduce((sum, value) => sum + Number(value.split(' ')[0]), 0),
    ),
  );
  return Object.fromEntries(keys.map((key, i) => [key, sums[i] ?? NaN]));
}

/** So many that a call no longer adds them up. */
const MANY_BRIDGES = 24;

/** How often the script has read a whole hash since the last call of this. */
async function wholeReads(): Promise<number> {
  const stats = await redis.info('commandstats');
  await redis.config('RESETSTAT');
  return Number(/cmdstat_hgetall:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe('a quota of connections', () => {
  it('give as many places as they have, a user and a tenant, and say which one is full', async () => {
    const quota = newCaps({ tenant: 3, user: 2 });
    await taken(quota);
    await taken(quota);
    expect(await quota.acquire('acme', 'alice')).toBe('user');
    await taken(quota, 'acme', 'bob');
    expect(await quota.acquire('acme', 'bob')).toBe('tenant');
    expect(await counted()).toEqual({
      [TENANT_KEY]: 3,
      [`${TENANT_KEY}:alice`]: 2,
      [`${TENANT_KEY}:bob`]: 1,
    });
  });

  it('count the same user of another tenant, and names with colons and braces, apart', async () => {
    const quota = newCaps({ tenant: 1, user: 1 });
    for (const [tenant, user] of [
      ['acme', 'alice'],
      ['evil', 'alice'],
      ['acme}', 'x'],
      ['acme}:alice', '{'],
    ] as const) {
      await taken(quota, tenant, user);
      expect(await quota.acquire(tenant, user)).toBe('user');
    }
  });

  it('count over all bridges, and give a place to another when one is given back', async () => {
    const [a, b] = [newCaps({ tenant: 2 }), newCaps({ tenant: 2 })];
    const first = await taken(a);
    await taken(b);
    expect([await a.acquire('acme', 'x'), await b.acquire('acme', 'y')]).toEqual(['tenant', 'tenant']);
    first.release();
    await a.settled();
    await taken(b, 'acme', 'y');
    expect(await a.acquire('acme', 'x')).toBe('tenant');
  });

  it('let one of two bridges have the last place, however often they race', async () => {
    const [a, b] = [newCaps({ user: 3 }), newCaps({ user: 3 })];
    await taken(a);
    for (let round = 0; round < 100; round += 1) {
      const answers = await Promise.all([a, b, a, b, a, b].map((quota) => quota.acquire('acme', 'alice')));
      const places = answers.filter((answer) => typeof answer !== 'string');
      expect(places).toHaveLength(2);
      for (const permit of places) permit.release();
      await Promise.all([a.settled(), b.settled()]);
    }
    expect(await counted()).toEqual({ [`${TENANT_KEY}:alice`]: 1 });
  });

  it('take no place of a tenant for a user without one, nor the other way round', async () => {
    const quota = newCaps({ tenant: 2, user: 1 });
    await taken(quota);
    await quota.acquire('acme', 'alice');
    await taken(quota, 'acme', 'bob');
    await quota.acquire('acme', 'carol');
    expect(await counted()).toEqual({
      [TENANT_KEY]: 2,
      [`${TENANT_KEY}:alice`]: 1,
      [`${TENANT_KEY}:bob`]: 1,
    });
    expect(quota.size).toBe(3);
  });

  it('have a place back once, however often it is given back', async () => {
    const quota = newCaps({ user: 3 });
    const [permit] = [await taken(quota), await taken(quota), await taken(quota)];
    for (let i = 0; i < 3; i += 1) permit.release();
    await quota.settled();
    expect(await counted()).toEqual({ [`${TENANT_KEY}:alice`]: 2 });
  });

  it('leave nothing, here and in Redis, when every place is given back', async () => {
    const quota = newCaps({ tenant: 10, user: 10 });
    const places = await Promise.all([taken(quota), taken(quota), taken(quota, 'acme', 'bob')]);
    for (const permit of places) permit.release();
    expect(quota.size).toBe(0);
    await quota.settled();
    expect(await counted()).toEqual({});
  });

  it('ask Redis once while a call is under way, however many come and go meanwhile', async () => {
    const store = redisQuotaStore(redis, 'a', LEASE_MS);
    const calls: { readonly counts: number; readonly asks: number }[] = [];
    const counting: QuotaStore = {
      put: (counts, asks) => {
        calls.push({ counts: counts.length, asks: asks.length });
        return store.put(counts, asks);
      },
    };
    const quota = new ConnectionQuota(counting, UNPREFIXED, { tenant: 3, user: 2 });
    const users = ['alice', 'alice', 'alice', 'bob', 'carol'];
    const answers = await Promise.all(users.map((user) => quota.acquire('acme', user)));
    expect(answers.filter((answer) => typeof answer === 'string')).toEqual(['user', 'tenant']);
    const places = answers.filter((answer) => typeof answer !== 'string');
    for (const permit of places) permit.release();
    // The first releases went with one call, and what was released meanwhile and asked anew with the next.
    await taken(quota, 'acme', 'dave');
    expect(calls).toEqual([
      { counts: 2, asks: 1 },
      { counts: 4, asks: 4 },
      { counts: 2, asks: 0 },
      { counts: 4, asks: 1 },
    ]);
    expect(await counted()).toEqual({ [TENANT_KEY]: 1, [`${TENANT_KEY}:dave`]: 1 });
  });

  it('of a tenant without connections are forgotten', async () => {
    let forgotten = 0;
    const tenant = new TenantQuota(redisQuotaStore(redis, 'a', LEASE_MS), () => (forgotten += 1));
    const limits = [{ scope: 'tenant', key: TENANT_KEY, max: 1 }] as const;
    const [permit, full] = await Promise.all([tenant.acquire(limits), tenant.acquire(limits)]);
    expect([full, forgotten]).toEqual(['tenant', 0]);
    if (typeof permit === 'object') permit.release();
    await tenant.settled();
    expect(forgotten).toBe(1);
  });

  it('tell Redis again what it may have heard of when an answer was lost', async () => {
    const store = redisQuotaStore(redis, 'a', LEASE_MS);
    let lost = 1;
    const losing: QuotaStore = {
      put: async (counts, asks) => {
        const answers = await store.put(counts, asks);
        if (lost-- > 0) throw new Error('lost');
        return answers;
      },
    };
    const quota = new ConnectionQuota(losing, UNPREFIXED, { tenant: 3, user: 2 });
    await expect(quota.acquire('acme', 'alice')).rejects.toThrow('lost');
    await quota.settled();
    expect([quota.size, await counted()]).toEqual([0, {}]);
  });

  it('ask Redis nothing for what has no limit', async () => {
    const quota = newCaps({});
    const permit = await taken(quota);
    permit.release();
    await quota.settled();
    expect([quota.size, await redis.keys('*')]).toEqual([0, []]);
  });

  it('of a bridge that says no more what it holds are free when its lease is over', async () => {
    const [dead, alive] = [newCaps({ user: 1 }, 3000), newCaps({ user: 1 })];
    await taken(dead);
    expect(await alive.acquire('acme', 'alice')).toBe('user');
    await eventually(async () => typeof (await alive.acquire('acme', 'alice')) !== 'string');
    expect(await counted()).toEqual({ [`${TENANT_KEY}:alice`]: 1 });
  });

  it('of a dead bridge leave no key behind', async () => {
    await taken(newCaps({ user: 1, tenant: 1 }, 3000));
    expect(await redis.dbsize()).toBe(2);
    await eventually(async () => (await redis.dbsize()) === 0);
  });

  it('keep the places of a bridge with a long lease when one with a short lease dies', async () => {
    await taken(newCaps({ user: 2 }));
    await taken(newCaps({ user: 2 }, 100));
    const left = await redis.pttl(`${TENANT_KEY}:alice`);
    expect(left).toBeGreaterThan(LEASE_MS / 2);
  });

  it('count for another lease from each announcement on', async () => {
    const quota = newCaps({ user: 1 });
    const leaseEnd = async (): Promise<number> => {
      const [value] = await redis.hvals(`${TENANT_KEY}:alice`);
      return Number(value?.split(' ')[1]);
    };
    await taken(quota);
    const before = await leaseEnd();
    await eventually(async () => {
      await quota.announce();
      return (await leaseEnd()) > before;
    });
    expect(await counted()).toEqual({ [`${TENANT_KEY}:alice`]: 1 });
  });

  it('are announced for a few tenants at a time', async () => {
    const store = redisQuotaStore(redis, 'a', LEASE_MS);
    let [asked, most] = [0, 0];
    const watching: QuotaStore = {
      put: async (counts, asks) => {
        most = Math.max(most, (asked += 1));
        const answers = await store.put(counts, asks);
        asked -= 1;
        return answers;
      },
    };
    const quota = new ConnectionQuota(watching, UNPREFIXED, { tenant: 10, user: 0 });
    for (let number = 0; number < 3 * ANNOUNCED_AT_ONCE; number += 1) await taken(quota, `t${number}`);
    await redis.flushall();
    most = 0;
    await quota.announce();
    expect([most, await redis.dbsize()]).toEqual([ANNOUNCED_AT_ONCE, 3 * ANNOUNCED_AT_ONCE]);
  });

  it('are announced of every tenant, though those of others cannot be', async () => {
    let isLost = false;
    const announced: string[] = [];
    const store: QuotaStore = {
      put: (counts, asks) => {
        const [key = ''] = counts.map((count) => count.key);
        if (isLost && !key.includes('healthy'))
          return Promise.reject(new Error('CLUSTERDOWN Hash slot not served'));
        announced.push(key);
        return Promise.resolve(asks.map(() => undefined));
      },
    };
    const quota = new ConnectionQuota(store, UNPREFIXED, { tenant: 10, user: 0 });
    for (let number = 0; number < ANNOUNCED_AT_ONCE; number += 1) await taken(quota, `t${number}`);
    await taken(quota, 'healthy');
    isLost = true;
    announced.length = 0;
    await expect(quota.announce()).rejects.toThrow('CLUSTERDOWN');
    expect(announced).toEqual([UNPREFIXED.tenantConnections('healthy')]);
  });

  it('are announced of no further users of a tenant once Redis does not answer for some', async () => {
    let failure: Error | undefined;
    let calls = 0;
    const store: QuotaStore = {
      put: (_, asks) => {
        calls += 1;
        return failure === undefined ? Promise.resolve(asks.map(() => undefined)) : Promise.reject(failure);
      },
    };
    const tenant = new TenantQuota(store, () => undefined);
    const limits = Array.from({ length: 1000 }, (_, user) => ({
      ...{ scope: 'user' as const, key: `user ${user}`, max: 10 },
    }));
    await Promise.all(limits.map((limit) => tenant.acquire([limit])));
    failure = new Error('Command timed out');
    calls = 0;
    await expect(tenant.announce()).rejects.toThrow('Command timed out');
    expect(calls).toBe(1);
    failure = undefined;
    calls = 0;
    await tenant.announce();
    expect([calls, tenant.size]).toEqual([5, 1000]);
    // A key of one that Redis refuses says nothing of the others.
    failure = new (ReplyError as new (text: string) => Error)('WRONGTYPE');
    calls = 0;
    await expect(tenant.announce()).rejects.toThrow('WRONGTYPE');
    expect(calls).toBe(5);
  });

  it('are counted again in a Redis that has lost them, a thousand users at once', async () => {
    const [a, b] = [newCaps({ tenant: 1000, user: 1 }), newCaps({ tenant: 1000, user: 1 })];
    await Promise.all(Array.from({ length: 1000 }, (_, i) => taken(a, 'acme', `u${i}`)));
    await redis.flushall();
    await a.announce();
    expect(await counted()).toMatchObject({ [TENANT_KEY]: 1000, [`${TENANT_KEY}:u999`]: 1 });
    expect([await b.acquire('acme', 'u7'), await b.acquire('acme', 'new')]).toEqual(['user', 'tenant']);
  });

  it('are put right by the next announcement, whatever Redis counts', async () => {
    const [a, b] = [newCaps({ user: 2 }), newCaps({ user: 2 })];
    await taken(a);
    const [field] = await redis.hkeys(`${TENANT_KEY}:alice`);
    await redis.hset(`${TENANT_KEY}:alice`, field ?? '', '7 99999999999999');
    expect(await b.acquire('acme', 'alice')).toBe('user');
    await a.announce();
    await taken(b);
    expect(await b.acquire('acme', 'alice')).toBe('user');
  });

  it('do not count a field that nobody understands', async () => {
    await redis.hset(`${TENANT_KEY}:alice`, 'x', 'garbage');
    const quota = newCaps({ user: 1 });
    (await taken(quota)).release();
    await quota.settled();
    expect(await counted()).toEqual({});
  });

  it('hold nothing of a place that Redis could not be asked for', async () => {
    const unreachable = new Redis(server.url);
    await unreachable.quit();
    const quota = new ConnectionQuota(redisQuotaStore(unreachable, 'a', LEASE_MS), UNPREFIXED, {
      tenant: 1,
      user: 1,
    });
    await expect(quota.acquire('acme', 'alice')).rejects.toThrow();
    await quota.settled();
    expect(quota.size).toBe(0);
  });

  describe('that very many bridges hold permits of', () => {
    it('is not added up with each call', async () => {
      const bridges = Array.from({ length: MANY_BRIDGES }, () => newCaps({ tenant: 1000 }));
      for (const quota of bridges) await taken(quota);
      await wholeReads();
      for (const quota of bridges) {
        (await taken(quota)).release();
        await quota.settled();
        await quota.announce();
      }
      expect(await wholeReads()).toBe(0);
    });

    it('has as many permits as it may, however they come and go', async () => {
      const max = MANY_BRIDGES + 5;
      const bridges = Array.from({ length: MANY_BRIDGES }, () => newCaps({ tenant: max }));
      const held: { readonly quota: ConnectionQuota; readonly permit: Permit }[] = [];
      for (const quota of bridges) held.push({ quota, permit: await taken(quota) });
      // A fixed course, in which each bridge has none for a while and several at other times.
      for (let step = 0; step < 400; step += 1) {
        const quota = bridges[(step * 7) % MANY_BRIDGES] ?? newCaps({});
        const permit = await quota.acquire('acme', 'alice');
        expect(typeof permit).toBe(held.length < max ? 'object' : 'string');
        if (typeof permit !== 'string') held.push({ quota, permit });
        for (let gone = step % 5; gone > 1 && held.length > 0; gone -= 1) {
          const [first] = held.splice((step * 13) % held.length, 1);
          first?.permit.release();
          await first?.quota.settled();
        }
      }
      for (const { quota, permit } of held) {
        permit.release();
        await quota.settled();
      }
      expect(await redis.dbsize()).toBe(0);
    });

    it('has those of a dead one free when its lease is over', async () => {
      const bridges = Array.from({ length: MANY_BRIDGES }, () => newCaps({ tenant: MANY_BRIDGES + 1 }));
      const dead = newCaps({ tenant: MANY_BRIDGES + 1 }, 300);
      await taken(dead);
      for (const quota of bridges) await taken(quota);
      const [one = dead] = bridges;
      expect(await one.acquire('acme', 'alice')).toBe('tenant');
      await eventually(async () => typeof (await one.acquire('acme', 'alice')) !== 'string');
      expect(await one.acquire('acme', 'alice')).toBe('tenant');
    });

    it('is added up with each call for a user of Redis who may not read a part of it', async () => {
      const rules = ['on', '>old', '~*', '+@all', '-hmget'];
      await redis.call('ACL', 'SETUSER', 'older', ...rules);
      const older = new Redis(server.url, { username: 'older', password: 'old' });
      const bridges = Array.from({ length: MANY_BRIDGES }, () =>
        newCaps({ tenant: MANY_BRIDGES }, LEASE_MS, older),
      );
      for (const quota of bridges) await taken(quota);
      expect(await bridges[0]?.acquire('acme', 'alice')).toBe('tenant');
      older.disconnect();
      await redis.call('ACL', 'DELUSER', 'older');
    });

    it('is added up again once a bridge that knows no sum has deleted it', async () => {
      const bridges = Array.from({ length: MANY_BRIDGES }, () => newCaps({ tenant: MANY_BRIDGES + 3 }));
      for (const quota of bridges) await taken(quota);
      await redis.hdel(TENANT_KEY, 'all');
      await redis.hset(TENANT_KEY, 'older', `2 ${Date.now() + LEASE_MS}`);
      const [one = newCaps({})] = bridges;
      await taken(one);
      expect(await one.acquire('acme', 'alice')).toBe('tenant');
    });
  });
});
