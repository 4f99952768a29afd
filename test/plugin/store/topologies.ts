import { Redis, type Cluster } from 'ioredis';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startSentinels } from '../../fakes/redis-sentinel';
import { startRedis } from '../../fakes/redis-server';

/** No node of these is stopped or cut off: slow is not gone. */
const PATIENCE_MS = 10_000;

/** Redis as a test of the gatekeeper sees it. */
export interface TestRedis {
  /** For the gatekeeper. */
  readonly url: string;
  /** For the test. */
  readonly client: Redis | Cluster;
  /** Forgets every key. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

async function oneServer(): Promise<TestRedis> {
  const server = await startRedis();
  const client = new Redis(server.url);
  return {
    url: server.url,
    client,
    flush: async () => {
      await client.flushall();
    },
    stop: async () => {
      client.disconnect();
      await server.stop();
    },
  };
}

async function sentinels(): Promise<TestRedis> {
  const setup = await startSentinels({ isSteady: true });
  const { url, client } = setup;
  return {
    url,
    client,
    flush: async () => {
      await client.flushall();
    },
    stop: () => setup.stop(),
  };
}

async function cluster(): Promise<TestRedis> {
  const setup = await startRedisCluster({ isSteady: true, connection: { commandTimeout: PATIENCE_MS } });
  const { url, client, nodes } = setup;
  return {
    url,
    client,
    flush: async () => {
      const infos = nodes.map(async ({ redis }) => ({ redis, info: await redis.info('replication') }));
      const masters = (await Promise.all(infos)).filter(({ info }) => info.includes('role:master'));
      await Promise.all(masters.map(({ redis }) => redis.flushall()));
    },
    stop: () => setup.stop(),
  };
}

/** A test of behaviour that must not depend on the topology runs on each of these. */
export const TOPOLOGIES = [
  ['one Redis', oneServer],
  ["sentinels' Redis", sentinels],
  ['a cluster', cluster],
] as const;
