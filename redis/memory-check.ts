import { Cluster, ReplyError, type Redis } from 'ioredis';
import { gravestDoubt, memoryDoubt, unreadMemory, type KeptKeys, type MemoryDoubt } from './memory-doubt';

/** The servers that keep the keys. */
export function mastersOf(redis: Redis | Cluster): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis];
}

/**
 * The gravest doubt about the memory of these servers. INFO is among the rights that bridge and gatekeeper need, CONFIG
 * is not.
 * @throws when one does not answer
 */
export async function checkMemory(
  masters: readonly Redis[],
  keeps: KeptKeys = 'all',
): Promise<MemoryDoubt | undefined> {
  return gravestDoubt(await Promise.all(masters.map((master) => doubtOf(master, keeps))));
}

async function doubtOf(master: Redis, keeps: KeptKeys): Promise<MemoryDoubt | undefined> {
  try {
    return memoryDoubt(await master.info('memory'), keeps);
  } catch (error) {
    if (error instanceof ReplyError) return unreadMemory((error as Error).message);
    throw error;
  }
}
