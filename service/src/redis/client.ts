import type { Cluster, Redis } from 'ioredis';

/** The connection that a service brings: to one server, to the master of sentinels, or to a cluster. */
export type RedisClient = Redis | Cluster;

/** By a member and not by `instanceof`: the application may have loaded ioredis twice. */
export function isCluster(redis: RedisClient): redis is Cluster {
  return redis.isCluster;
}
