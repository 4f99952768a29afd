import { isCluster, type RedisClient } from './client';

/** Publishes a text to a channel. @returns how many bridges heard it; 0 says that nobody is connected */
export type Publish = (channel: string, text: string) => Promise<number>;

/** A bridge hears PUBLISH of one server, and SPUBLISH alone of a cluster (PROTOCOL.md §6). */
export function publisher(redis: RedisClient): Publish {
  if (isCluster(redis)) return async (channel, text) => Number(await redis.spublish(channel, text));
  return (channel, text) => redis.publish(channel, text);
}
