import { Redis } from 'ioredis';
import { appendTo, type Append } from '../fakes/append-and-publish';
import { publisher, type Publish } from '../../sidecar/redis/publish';
import { startRedisCluster } from '../fakes/redis-cluster';
import { startRedis } from '../fakes/redis-server';
import { clientChannels, UNPREFIXED } from './fixture';

/** No node of these is stopped or cut off: slow is not gone. */
const PATIENCE_MS = 10_000;

/** Redis as a test of the bridge sees it, one server or a cluster. */
export interface TestRedis {
  /** For the bridge. */
  readonly url: string;
  readonly publish: Publish;
  set(key: string, value: string | Buffer): Promise<unknown>;
  xlen(key: string): Promise<number>;
  /** The fields and values of each entry of a stream, oldest first. */
  entries(key: string): Promise<readonly (readonly string[])[]>;
  /** Adds an entry of one field to a stream. @returns its id */
  xadd(key: string, id: string, field: string, value: string): Promise<string | null>;
  /** Appends a frame to a channel's history and publishes it, as services do. */
  append: Append;
  /** The seconds that a key is kept. */
  ttl(key: string): Promise<number>;
  /** How many connections are subscribed to a channel. */
  subscribers(channel: string): Promise<number>;
  /** The channels that clients' sockets are subscribed to, on all bridges. */
  clientChannels(): Promise<readonly string[]>;
  /** Cuts every connection over which a bridge hears services. */
  cutSubscribers(): Promise<void>;
  /** Every key like this pattern. */
  keys(pattern: string): Promise<readonly string[]>;
  /** Forgets every key. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

async function oneServer(): Promise<TestRedis> {
  const server = await startRedis();
  const client = new Redis(server.url);
  return {
    url: server.url,
    publish: publisher(client),
    set: (key, value) => client.set(key, value),
    xlen: (key) => client.xlen(key),
    entries: async (key) => (await client.xrange(key, '-', '+')).map(([, fields]) => fields),
    xadd: (key, id, field, value) => client.xadd(key, id, field, value),
    append: appendTo(client),
    ttl: (key) => client.ttl(key),
    subscribers: async (channel) => Number((await client.pubsub('NUMSUB', channel))[1]),
    clientChannels: () => clientChannels(client),
    cutSubscribers: () => cutSubscribersOf(client),
    keys: (pattern) => client.keys(pattern),
    flush: async () => {
      await client.flushall();
    },
    stop: async () => {
      client.disconnect();
      await server.stop();
    },
  };
}

async function cluster(): Promise<TestRedis> {
  const nodes = await startRedisCluster({ isSteady: true, connection: { commandTimeout: PATIENCE_MS } });
  const masters = async (): Promise<readonly Redis[]> => {
    const infos = nodes.nodes.map(async ({ redis }) => ({ redis, info: await redis.info('replication') }));
    return (await Promise.all(infos))
      .filter(({ info }) => info.includes('role:master'))
      .map(({ redis }) => redis);
  };
  return {
    url: nodes.url,
    publish: publisher(nodes.client),
    set: (key, value) => nodes.client.set(key, value),
    xlen: (key) => nodes.client.xlen(key),
    entries: async (key) => (await nodes.client.xrange(key, '-', '+')).map(([, fields]) => fields),
    xadd: (key, id, field, value) => nodes.client.xadd(key, id, field, value),
    append: appendTo(nodes.client),
    ttl: (key) => nodes.client.ttl(key),
    subscribers: async (channel) => {
      const { redis } = await nodes.ownerOf(channel);
      return Number((await redis.pubsub('SHARDNUMSUB', channel))[1]);
    },
    clientChannels: async () => {
      const channels = await Promise.all(nodes.nodes.map(({ redis }) => redis.pubsub('SHARDCHANNELS')));
      return (channels.flat() as string[]).filter((name) => !UNPREFIXED.isOwnChannel(name)).sort();
    },
    cutSubscribers: async () => {
      await Promise.all((await masters()).map(cutSubscribersOf));
    },
    keys: async (pattern) => {
      const keys = await Promise.all((await masters()).map((redis) => redis.keys(pattern)));
      return keys.flat();
    },
    flush: async () => {
      await Promise.all((await masters()).map((redis) => redis.flushall()));
    },
    stop: () => nodes.stop(),
  };
}

async function cutSubscribersOf(redis: Redis): Promise<void> {
  const lines = String(await redis.client('LIST')).split('\n');
  const named = lines.filter((line) => line.includes(' name=ws-bridge:subscriber '));
  for (const line of named) await redis.client('KILL', 'ID', Number(/^id=(\d+)/.exec(line)?.[1]));
}

/** A test of behaviour that must not depend on the topology runs on each of these. */
export const TOPOLOGIES = [
  ['one server', oneServer],
  ['a cluster', cluster],
] as const;
