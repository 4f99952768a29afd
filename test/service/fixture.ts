import { Redis, type Cluster } from 'ioredis';
import { startRedisCluster } from '../fakes/redis-cluster';
import { startSentinels } from '../fakes/redis-sentinel';
import { startRedis } from '../fakes/redis-server';
import type { RedisClient } from '../../service/src/redis/client';

/** A Redis of one topology, with what a service brings and what a bridge hears. */
export interface Topology {
  readonly redis: RedisClient;
  /** The server's own, or `redis+cluster://` with every node. */
  readonly url: string;
  /** Subscribes as a bridge does. @returns what came to the channel so far */
  hear(channel: string, told?: (text: string) => void): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Starts each by its name. */
export const TOPOLOGIES: Readonly<Record<string, () => Promise<Topology>>> = {
  'one server': async () => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    return ofServer(redis, server.url, () => server.stop());
  },
  'the master of sentinels': async () => {
    const setup = await startSentinels({ isSteady: true });
    const master = await setup.master();
    return ofServer(setup.client, master.url, () => setup.stop());
  },
  'a cluster': async () => {
    const cluster = await startRedisCluster({ isSteady: true });
    const ears: Redis[] = [];
    return {
      redis: cluster.client,
      url: cluster.url,
      hear: async (channel, told) => {
        const ear = (await cluster.ownerOf(channel)).redis.duplicate();
        ears.push(ear);
        const heard = collect(ear, 'smessage', channel, told);
        await ear.ssubscribe(channel);
        return heard;
      },
      stop: async () => {
        for (const ear of ears) ear.disconnect();
        await cluster.stop();
      },
    };
  },
};

function ofServer(redis: Redis, url: string, stop: () => Promise<void>): Topology {
  const ear = new Redis(url);
  // One of each channel.
  ear.setMaxListeners(0);
  return {
    redis,
    url,
    hear: async (channel, told) => {
      const heard = collect(ear, 'message', channel, told);
      await ear.subscribe(channel);
      return heard;
    },
    stop: async () => {
      ear.disconnect();
      redis.disconnect();
      await stop();
    },
  };
}

function collect(
  ear: Redis | Cluster,
  event: string,
  only: string,
  told: (text: string) => void = () => undefined,
): readonly string[] {
  const heard: string[] = [];
  ear.on(event, (channel: string, text: string) => {
    if (channel !== only) return;
    heard.push(text);
    told(text);
  });
  return heard;
}
