import type { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';
import { checkMemory, mastersOf } from './memory-check';
import type { KeptKeys } from './memory-doubt';
import { checkVersion } from './version-check';

/**
 * Once this connection is there for the first time, logs what is to be known of the servers behind it, once: a version that is too old, and
 * their memory. Nobody waits for that, and nothing fails with it.
 */
export function tellOfServers(redis: Redis | Cluster, log: Logger, keeps: KeptKeys = 'all'): void {
  let isTold = false;
  const look = async (): Promise<void> => {
    if (isTold) return;
    isTold = true;
    try {
      const masters = mastersOf(redis);
      const [old, doubt] = await Promise.all([checkVersion(masters), checkMemory(masters, keeps)]);
      if (old !== undefined) log.warn(`${old}: use Redis 7.0 or later, or Valkey`);
      if (doubt === undefined) return;
      if (doubt.kind === 'unread') log.info(doubt.text);
      else log.warn(doubt.text);
    } catch {
      // Lost meanwhile: with the next one.
      isTold = false;
    }
  };
  redis.on('ready', () => void look());
}
