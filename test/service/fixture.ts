import { Redis, type Cluster } from 'ioredis';
import { startRedisCluster } from '../fakes/redis-cluster';
import { startSentinels } from '../fakes/redis-sentinel';
import { startRedis } from '../fakes/redis-server';
import type { RedisClient } from '../../service/src/redis/client';

/** A Redis of one topology, with what a service brings and what a bridge hears. */
export interface Topology {
  readonly redis: RedisClient;
  /** Subscribes as a bridge does. @returns what came to the channel so far */
  hear(channel: string): Promise<readonly string[]>;
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
    const setup = await startSentinels();
    const master = await setup.master();
    return ofServer(setup.client, master.url, () => setup.stop());
  },
  'a cluster': async () => {
    const cluster = await startRedisCluster();
    const ears: Redis[] = [];
    return {
      redis: cluster.client,
      hear: async (channel) => {
        const ear = (await cluster.ownerOf(channel)).redis.duplicate();
        ears.push(ear);
        const heard = collect(ear, 'smessage');
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
  return {
    redis,
    hear: async (channel) => {
      const heard = collect(ear, 'message', channel);
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

function collect(ear: Redis | Cluster, event: string, only?: string): readonly string[] {
  const heard: string[] = [];
  ear.on(event, (channel: string, text: string) => {
    if (only === undefined || channel === only) heard.push(text);
  });
  return heard;
}
