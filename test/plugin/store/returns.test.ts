import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redis, type Cluster } from 'ioredis';
import { pino } from 'pino';
import type { RateLimit } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { RETURNS_DENIED_MS } from '../../../plugin/store/denied-returns';
import { appliedLimits } from '../../../plugin/store/limits';
import { closeRedisConnections, redisFor } from '../../../plugin/store/redis-connection';
import { redisStore } from '../../../plugin/store/redis-store';
import type { StoreAnswer } from '../../../plugin/store/store';
import { returnKey } from '../../../protocol/return-key';
import { redisReturnStore } from '../../../sidecar/quotas/redis-return-store';
import { Returns } from '../../../sidecar/quotas/returns';
import { RedisNames } from '../../../sidecar/redis/names';
import { startRedis } from '../../fakes/redis-server';
import { rawConfig } from '../fixture';
import { TOPOLOGIES, type TestRedis } from './topologies';

/** So slow that no test sees it give room again. */
const BURST = 2;
const limit = (by: RateLimit['by'], burst = BURST): RateLimit => ({
  by,
  rate: { limit: 1, windowSeconds: 86_400, burst },
  paths: [],
  tiers: new Map(),
});

interface Upgrade {
  readonly tenant?: string;
  readonly user?: string;
  readonly path?: string;
  readonly limits?: readonly RateLimit[];
  readonly isDryRun?: boolean;
}

/** A gatekeeper's store on this Redis, and the reasons for which it takes no returns. */
async function gatekeeper(url: string, nowMs?: () => number) {
  const { redis } = (await parseConfig(rawConfig())).config;
  const denied: string[] = [];
  const connection = redisFor({ ...redis, url, timeoutMs: 5000 }, pino({ level: 'silent' }));
  const store = redisStore(connection, undefined, undefined, (reason) => denied.push(reason), nowMs);
  const ask = ({
    tenant = 'acme',
    user = 'a',
    path = '/ws',
    limits = [limit('tenant')],
    isDryRun,
  }: Upgrade = {}): Promise<StoreAnswer> => {
    const subject = { tenantId: tenant, userId: user, ip: '192.0.2.1', tier: undefined, path, routeId: 'r' };
    return store.ask({
      limits: appliedLimits(limits, subject, 'k:'),
      revocationKey: undefined,
      returnKey: returnKey('', tenant, user, path),
      isDryRun,
    });
  };
  return { ask, denied };
}

function bridge(client: Redis | Cluster): Returns {
  return new Returns(redisReturnStore(client), new RedisNames(''), (error) => {
    throw error;
  });
}

async function admitted(ask: (upgrade?: Upgrade) => Promise<StoreAnswer>, upgrade: Upgrade, tries: number) {
  let count = 0;
  for (let i = 0; i < tries; i += 1) if ((await ask(upgrade)).admitted) count += 1;
  return count;
}

afterEach(() => {
  closeRedisConnections();
});

describe.each(TOPOLOGIES)('a return in %s', (_, start) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await start();
  }, 60_000);
  beforeEach(() => redis.flush());
  afterAll(() => redis.stop());

  it('admits one upgrade without a charge, also over the limit', async () => {
    const { ask } = await gatekeeper(redis.url);
    const returns = bridge(redis.client);
    returns.grant('acme', 'a', '/ws');
    await returns.settled();
    const { states, ...free } = await ask();
    expect(free.admitted).toBe(true);
    expect(states[0]?.remaining).toBe(BURST + 1);
    expect(await admitted(ask, {}, 10)).toBe(BURST + 1);
    for (let i = 0; i < 2; i += 1) returns.grant('acme', 'a', '/ws');
    await returns.settled();
    expect(await admitted(ask, {}, 10)).toBe(2);
  });

  it('is for its tenant, its user and its path alone', async () => {
    const { ask } = await gatekeeper(redis.url);
    const returns = bridge(redis.client);
    await admitted(ask, {}, BURST + 1);
    await admitted(ask, { tenant: 'other' }, BURST + 1);
    returns.grant('acme', 'a', '/ws');
    await returns.settled();
    for (const upgrade of [{ user: 'b' }, { path: '/ws/' }, { tenant: 'other' }]) {
      expect((await ask(upgrade)).admitted).toBe(false);
    }
    expect((await ask()).admitted).toBe(true);
  });

  it('is not taken by a dry run, which says that it is there', async () => {
    const { ask } = await gatekeeper(redis.url);
    const returns = bridge(redis.client);
    expect(await admitted(ask, { isDryRun: true }, 10)).toBe(10);
    expect(await admitted(ask, {}, 10)).toBe(BURST + 1);
    expect((await ask({ isDryRun: true })).admitted).toBe(false);
    returns.grant('acme', 'a', '/ws');
    await returns.settled();
    expect(await admitted(ask, { isDryRun: true }, 3)).toBe(3);
    expect(await admitted(ask, {}, 3)).toBe(1);
  });

  it('frees no address: that limit counts everybody', async () => {
    const { ask } = await gatekeeper(redis.url);
    const returns = bridge(redis.client);
    for (let i = 0; i < 5; i += 1) returns.grant('acme', 'a', '/ws');
    await returns.settled();
    const limits = [limit('user'), limit('ip', 0)];
    expect(await admitted(ask, { limits }, 5)).toBe(1);
  });

  it('never admits more than the limit and what was granted, whatever the order', async () => {
    const { ask } = await gatekeeper(redis.url);
    const returns = bridge(redis.client);
    const steps = fc.array(fc.oneof(fc.constant('ask' as const), fc.integer({ min: 1, max: 3 })), {
      maxLength: 25,
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const upgrade = { tenant: `t${(run += 1)}` };
        let [free, room] = [0, BURST + 1];
        for (const step of given) {
          if (step === 'ask') {
            const expected = free > 0 || room > 0;
            if (free > 0) free -= 1;
            else if (room > 0) room -= 1;
            expect((await ask(upgrade)).admitted).toBe(expected);
          } else {
            for (let i = 0; i < step; i += 1) returns.grant(upgrade.tenant, 'a', '/ws');
            await returns.settled();
            free += step;
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('that is over, or no return at all, is passed over', async () => {
    const { ask } = await gatekeeper(redis.url);
    await admitted(ask, {}, BURST + 1);
    const key = returnKey('', 'acme', 'a', '/ws') ?? '';
    const [good, over] = [Date.now() + 60_000, Date.now() - 1];
    await redis.client.rpush(key, `${over} 7`, 'garbage', `${over} 1`, `${good} 2`, `${good + 1} 1`);
    expect(await admitted(ask, {}, 10)).toBe(3);
    expect(await redis.client.exists(key)).toBe(0);
    await redis.client.set(key, 'no list');
    expect((await ask()).admitted).toBe(false);
  });
});

it('an upgrade that its address refuses takes no return', async () => {
  const server = await startRedis();
  const client = new Redis(server.url);
  try {
    const { ask } = await gatekeeper(server.url);
    const limits = [limit('ip', 0), limit('tenant', 0)];
    expect((await ask({ limits })).admitted).toBe(true);
    const returns = bridge(client);
    returns.grant('acme', 'a', '/ws');
    await returns.settled();
    expect(await admitted(ask, { limits }, 5)).toBe(0);
    expect(await admitted(ask, { limits: [limit('tenant', 0)] }, 5)).toBe(1);
  } finally {
    client.disconnect();
    await server.stop();
  }
});

it('a Redis that denies returns denies no upgrade, and is asked for none after it', async () => {
  const server = await startRedis();
  const admin = new Redis(server.url);
  await admin.call('ACL', 'SETUSER', 'former', 'on', '>secret', '~k:*', '+@all');
  const { ask, denied } = await gatekeeper(server.url.replace('//', '//former:secret@'));
  expect(await admitted(ask, {}, 10)).toBe(BURST + 1);
  expect(denied).toEqual([expect.stringMatching(/^NOPERM /)]);
  await admin.acl('LOG', 'RESET');
  await ask();
  expect(await admin.acl('LOG')).toEqual([]);
  admin.disconnect();
  await server.stop();
});

it('a Redis that denied returns is asked for one again after a while, and for all once it has one', async () => {
  const server = await startRedis();
  const admin = new Redis(server.url);
  try {
    await admin.call('ACL', 'SETUSER', 'former', 'on', '>secret', '~k:*', '+@all');
    let nowMs = 0;
    const { ask, denied } = await gatekeeper(server.url.replace('//', '//former:secret@'), () => nowMs);
    expect(await admitted(ask, {}, 10)).toBe(BURST + 1);
    const returns = bridge(admin);
    for (let i = 0; i < 3; i += 1) returns.grant('acme', 'a', '/ws');
    await returns.settled();
    nowMs = RETURNS_DENIED_MS;
    expect(await admitted(ask, {}, 3)).toBe(0);
    expect(denied).toHaveLength(1);
    await admin.call('ACL', 'SETUSER', 'former', '~ws:return:*');
    nowMs = 2 * RETURNS_DENIED_MS - 1;
    expect(await admitted(ask, {}, 3)).toBe(0);
    nowMs += 1;
    expect(await admitted(ask, {}, 10)).toBe(3);
    await admin.call('ACL', 'SETUSER', 'former', 'resetkeys', '~k:*');
    await ask();
    expect(denied).toHaveLength(2);
  } finally {
    admin.disconnect();
    await server.stop();
  }
});
