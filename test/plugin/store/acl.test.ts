import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Redis, type Cluster } from 'ioredis';
import { pino } from 'pino';
import type { RateLimit, RedisSettings } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { appliedLimits } from '../../../plugin/store/limits';
import { closeRedisConnections, redisFor } from '../../../plugin/store/redis-connection';
import { redisStore } from '../../../plugin/store/redis-store';
import type { StoreAnswer } from '../../../plugin/store/store';
import { askedByScripts, needlessRules, recordAsked, type SentRecording } from '../../fakes/asked-of-redis';
import { documentedUser } from '../../fakes/documented-user';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startSentinels } from '../../fakes/redis-sentinel';
import { startRedis } from '../../fakes/redis-server';
import { rawConfig } from '../fixture';

jest.setTimeout(120_000);

afterEach(() => {
  closeRedisConnections();
});

/** A gatekeeper's question about one upgrade: two limits of the tenant, one of its address, and the token. */
async function asker(changes: Partial<RedisSettings>) {
  const { redis: defaults } = (await parseConfig(rawConfig())).config;
  const settings = { ...defaults, timeoutMs: 5000, ...changes };
  const store = redisStore(redisFor(settings, pino({ level: 'silent' })));
  const limit = (by: RateLimit['by']): RateLimit => ({
    by,
    rate: { limit: 60, windowSeconds: 60, burst: 99 },
    paths: [],
    tiers: new Map(),
  });
  return (tenantId: string, jti: string): Promise<StoreAnswer> => {
    const subject = { tenantId, userId: 'u1', ip: '192.0.2.1', tier: undefined, path: '/', routeId: 'r1' };
    const limits = appliedLimits([limit('tenant'), limit('user'), limit('ip')], subject, settings.keyPrefix);
    return store.ask({ limits, revocationKey: `blacklist:${jti}`, returnKey: RETURN_KEY });
  };
}

const RETURN_KEY = 'ws:return:{acme}:u1:%2F';

/** Three returns, in two entries: so each of what the script may do with them is done. */
async function leaveReturns(admin: Redis | Cluster): Promise<void> {
  await admin.rpush(RETURN_KEY, `${Date.now() + 60_000} 2`, `${Date.now() + 60_000} 1`);
}

/** A connection that nobody asks anything is asked by itself, after a while. */
async function pinged(sent: SentRecording): Promise<void> {
  while (!sent.hasAsked('ping')) await sleep(25);
}

const CREDENTIALS = { username: 'ws-gatekeeper', password: 'secret' };

describe('the documented user of a gatekeeper', () => {
  it('of one server may do what it does, and needs every rule', async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    const user = documentedUser('ws-gatekeeper', '+eval');
    await admin.call('ACL', 'SETUSER', ...user);
    const [sent, scripts] = [recordAsked('ws-gatekeeper'), await askedByScripts(admin)];
    const ask = await asker({ url: server.url, ...CREDENTIALS });
    await admin.set('blacklist:revoked', '1');
    await leaveReturns(admin);
    expect(await ask('acme', 'good')).toMatchObject({ admitted: true, revoked: false });
    expect(await ask('acme', 'revoked')).toMatchObject({ admitted: true, revoked: true });
    await pinged(sent);
    expect(await admin.acl('LOG')).toEqual([]);
    expect(await needlessRules(admin, user, [...sent.asked(), ...scripts.asked()])).toEqual([]);
    for (const recording of [sent, scripts]) recording.stop();
    admin.disconnect();
    await server.stop();
  });

  it('of a Redis that only revoked tokens are in may do what it does, and needs every rule', async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    const user = documentedUser('ws-gatekeeper-revocations', '+exists');
    await admin.call('ACL', 'SETUSER', ...user);
    await admin.call('ACL', 'SETUSER', ...documentedUser('revoker', '+set'));
    const sent = recordAsked('ws-gatekeeper-revocations');
    const raw = rawConfig();
    const { revocation } = (
      await parseConfig({
        ...raw,
        revocation: {
          ...(raw['revocation'] as object),
          redis: {
            ...CREDENTIALS,
            username: 'ws-gatekeeper-revocations',
            url: server.url,
            timeout: 5000,
          },
        },
      })
    ).config;
    if (revocation.redis === undefined) throw new Error('expected a Redis of its own');
    const store = redisStore(redisFor(revocation.redis, pino({ level: 'silent' })));
    const ask = (jti: string) => store.ask({ limits: [], revocationKey: `${revocation.keyPrefix}${jti}` });
    const revoker = new Redis(server.url, {
      username: 'revoker',
      password: 'secret',
      enableReadyCheck: false,
    });
    await revoker.set('blacklist:revoked', '1', 'EX', 900);
    expect([await ask('good'), await ask('revoked')]).toMatchObject([{ revoked: false }, { revoked: true }]);
    await pinged(sent);
    // A client library's greeting of the one who revokes.
    const log = (await admin.acl('LOG')) as unknown[];
    expect(log.filter((entry) => JSON.stringify(entry).includes('ws-gatekeeper-revocations'))).toEqual([]);
    expect(await needlessRules(admin, user, sent.asked())).toEqual([]);
    sent.stop();
    for (const client of [revoker, admin]) client.disconnect();
    await server.stop();
  });

  it('of a cluster may do what it does, also while a slot moves and after a failover, and needs every rule', async () => {
    const cluster = await startRedisCluster();
    const user = documentedUser('ws-gatekeeper', '+cluster|slots');
    const servers = cluster.nodes.map((node) => node.redis);
    for (const server of servers) await server.call('ACL', 'SETUSER', ...user);
    const scripts = await Promise.all(servers.map(askedByScripts));
    const sent = recordAsked('ws-gatekeeper');
    const ask = await asker({ url: cluster.url, ...CREDENTIALS });
    await cluster.client.set('blacklist:revoked', '1');
    await leaveReturns(cluster.client);
    expect(await ask('acme', 'good')).toMatchObject({ admitted: true, revoked: false });
    expect(await ask('acme', 'revoked')).toMatchObject({ admitted: true, revoked: true });

    const from = await cluster.ownerOf('blacklist:moving');
    const owners = await Promise.all(['{a}', '{b}', '{c}', '{d}'].map((key) => cluster.ownerOf(key)));
    const to = owners.find((owner) => owner !== from) ?? from;
    await cluster.startMove('blacklist:moving', to);
    expect(await ask('acme', 'moving')).toMatchObject({ admitted: true });
    await cluster.moveSlot('blacklist:moving', to);
    await cluster.failOver('{acme}');
    while (!sent.hasAsked('readwrite')) {
      await ask('acme', 'good').catch(() => undefined);
      await sleep(25);
    }
    await pinged(sent);
    const logs = await Promise.all(servers.map((server) => server.acl('LOG')));
    expect(logs.flat()).toEqual([]);
    const asked = [...sent.asked(), ...scripts.flatMap((one) => one.asked())];
    expect(await needlessRules(await masterOf(servers), user, asked)).toEqual([]);
    for (const recording of [sent, ...scripts]) recording.stop();
    closeRedisConnections();
    await cluster.stop();
  });

  it('of the sentinels may ask them what it asks, and needs every rule', async () => {
    const setup = await startSentinels();
    const user = documentedUser('ws-sentinel', '+subscribe');
    for (const sentinel of setup.sentinels) await sentinel.call('ACL', 'SETUSER', ...user);
    const sent = recordAsked('ws-sentinel');
    const sentinel = { sentinelUsername: 'ws-sentinel', sentinelPassword: 'secret' };
    const ask = await asker({ url: setup.url, ...sentinel });
    expect(await ask('acme', 'good')).toMatchObject({ admitted: true, revoked: false });
    while (!sent.hasAsked('subscribe')) await sleep(25);
    const before = await setup.master();
    await setup.failOver();
    while ((await setup.master()) === before) await sleep(25);
    while ((await ask('acme', 'good').catch(() => undefined)) === undefined) await sleep(25);
    const [first] = setup.sentinels;
    if (first === undefined) throw new Error('expected a sentinel');
    await pinged(sent);
    expect(await first.call('ACL', 'LOG')).toEqual([]);
    expect(await needlessRules(first, user, sent.asked())).toEqual([]);
    sent.stop();
    closeRedisConnections();
    await setup.stop();
  });
});

async function masterOf(servers: readonly Redis[]): Promise<Redis> {
  for (const server of servers) if ((await server.info('replication')).includes('role:master')) return server;
  throw new Error('expected a master');
}
