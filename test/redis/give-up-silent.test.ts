import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { pino } from 'pino';
import type { Cluster } from 'ioredis';
import { Redis } from 'ioredis';
import { giveUpSilent } from '../../redis/give-up-silent';
import { LiveSentinelConnector } from '../../redis/sentinel-connector';
import { LastingConnection } from '../../plugin/store/lasting-connection';
import { disconnect, redisCommands, redisConnection, shardConnection } from '../../sidecar/redis/connections';
import { startRedisCluster } from '../fakes/redis-cluster';
import { startSentinels, type SentinelSetup } from '../fakes/redis-sentinel';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { eventually } from '../sidecar/fixture';

/** One that a noisy machine keeps: a quiet connection is asked no sooner than after two seconds. */
const TIMEOUT_MS = 1000;

/** From now on nothing is heard on the connection, as when its packets are dropped. */
function deafen({ stream }: Redis): Socket {
  const socket = stream as Socket & { readonly _handle: { readStop(): void } };
  socket._handle.readStop();
  return socket;
}

/** As `once` of node:events, for those who tell of an error meanwhile. */
function event(emitter: EventEmitter, name: string): Promise<void> {
  return new Promise((resolve) => emitter.once(name, resolve));
}

describe('a connection that goes silent', () => {
  it('is given up with the reason, and opened anew', async () => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    giveUpSilent(redis, { timeoutMs: TIMEOUT_MS });
    redis.on('error', () => undefined);
    await event(redis, 'ready');
    const heard = new Promise((resolve) => redis.once('error', resolve));
    deafen(redis);
    expect(await heard).toMatchObject({ message: `it did not answer for ${TIMEOUT_MS} ms` });
    await event(redis, 'ready');
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    await server.stop();
  });

  it('is given up the same when its user may not PING: a refusal is an answer', async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    await admin.call('ACL', 'SETUSER', 'mute', 'on', 'nopass', 'allkeys', 'allchannels', '+@all', '-ping');
    const redis = new Redis(server.port, { username: 'mute', password: 'any' });
    redis.on('error', () => undefined);
    const asked: { readonly refusal: string; readonly stream: unknown }[] = [];
    const refusedTwice = new Promise<void>((resolve) => {
      redis.options.reconnectOnError = ({ message: refusal }) => {
        const { stream } = redis;
        if (asked.at(-1)?.stream === stream) resolve();
        asked.push({ refusal, stream });
        return false;
      };
    });
    giveUpSilent(redis, { timeoutMs: TIMEOUT_MS });
    await event(redis, 'ready');
    // On one connection, which was not given up for the first refusal.
    await refusedTwice;
    expect(asked.at(-1)?.refusal).toContain('NOPERM');
    deafen(redis);
    await event(redis, 'close');
    await event(redis, 'ready');
    for (const one of [redis, admin]) one.disconnect();
    await server.stop();
  });

  it.each([
    [
      "a bridge's, for commands and for subscriptions",
      ({ url }: RedisServer) => {
        const settings = { redisUrl: url, redisTimeoutMs: TIMEOUT_MS };
        const redis = redisConnection('commands', settings, pino({ level: 'silent' }));
        void redis.connect();
        return { redis, close: () => disconnect(redis) };
      },
    ],
    [
      "a gatekeeper's",
      ({ port }: RedisServer) => new LastingConnection({ host: '127.0.0.1', port }, TIMEOUT_MS),
    ],
  ])('is opened anew: %s', async (_whose, open) => {
    const server = await startRedis();
    const connection = open(server);
    const { redis } = connection;
    redis.on('error', () => undefined);
    await event(redis, 'ready');
    const deaf = deafen(redis);
    await event(redis, 'close');
    await event(redis, 'ready');
    expect(redis.stream).not.toBe(deaf);
    await connection.close();
    await server.stop();
  });

  it('is opened anew to each master of a cluster, for commands and for subscriptions', async () => {
    const nodes = await startRedisCluster({ isSteady: true });
    const settings = { redisUrl: nodes.url, redisTimeoutMs: TIMEOUT_MS };
    const log = pino({ level: 'silent' });
    const cluster = redisCommands('commands', settings, log) as Cluster;
    await cluster.connect();
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    await eventually(() => allAnswer(cluster, keys));
    const deaf = cluster.nodes('master').map(deafen);
    await Promise.all(deaf.map((socket) => event(socket, 'close')));
    await eventually(() => allAnswer(cluster, keys));

    const [first] = cluster.nodes('master');
    const { host = '', port = 0 } = first?.options ?? {};
    const shard = shardConnection('subscriber', { host, port }, settings, log);
    await shard.connect();
    await shard.ssubscribe('{x}').catch(() => undefined);
    const deafShard = deafen(shard);
    await event(shard, 'close');
    await event(shard, 'ready');
    expect(shard.stream).not.toBe(deafShard);
    cluster.disconnect();
    shard.disconnect();
    await nodes.stop();
  }, 60_000);

  it('is opened anew to the sentinels that tell of a failover', async () => {
    const setup = await startSentinels({ isSteady: true });
    const { redis, sentinel } = await onSentinels(setup);
    const deaf = deafen(sentinel);
    await event(sentinel, 'close');
    await event(sentinel, 'ready');
    expect(sentinel.stream).not.toBe(deaf);
    redis.disconnect();
    await setup.stop();
  }, 60_000);

  it('ends nobody’s process when it is let go of before a sentinel says that it will tell again', async () => {
    const setup = await startSentinels({ isSteady: true });
    const { redis, sentinel } = await onSentinels(setup);
    deafen(sentinel);
    await event(sentinel, 'close');
    await event(sentinel, 'ready');
    // It has asked to be told, and hears no answer: a rejection that nobody hears would fail this test.
    deafen(sentinel);
    redis.disconnect();
    await event(sentinel, 'end');
    expect(sentinel.status).toBe('end');
    await setup.stop();
  }, 60_000);
});

/** A connection to the master, and the one to a sentinel that tells it of a failover. */
async function onSentinels({ url }: SentinelSetup): Promise<{ redis: Redis; sentinel: Redis }> {
  const [, hosts = '', name = ''] = /^redis\+sentinel:\/\/([^/]*)\/(\w+)/.exec(url) ?? [];
  const sentinels = hosts.split(',').map((one) => {
    const [host = '', port = ''] = one.split(':');
    return { host, port: Number(port) };
  });
  const redis = new Redis({
    sentinels,
    name,
    Connector: LiveSentinelConnector,
    sentinelCommandTimeout: TIMEOUT_MS,
    sentinelReconnectStrategy: () => 100,
    failoverDetector: true,
  });
  const insides = redis as unknown as {
    readonly connector: { failoverDetector: { sentinels: { client: Redis }[] } | null };
  };
  await event(redis, 'ready');
  while (insides.connector.failoverDetector === null) await new Promise(setImmediate);
  const [sentinel] = insides.connector.failoverDetector.sentinels.map((one) => one.client);
  if (sentinel === undefined) throw new Error('expected a sentinel');
  const { condition } = sentinel as unknown as { readonly condition: { readonly subscriber: unknown } };
  // It is told of failovers from here on.
  while (!condition.subscriber) await new Promise(setImmediate);
  return { redis, sentinel };
}

async function allAnswer(cluster: Cluster, keys: readonly string[]): Promise<boolean> {
  const answers = await Promise.allSettled(keys.map((key) => cluster.exists(key)));
  return answers.every(({ status }) => status === 'fulfilled');
}
