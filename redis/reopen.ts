import type { Redis } from 'ioredis';

/**
 * ioredis ends a connection for good when the sentinels announce a failover at the moment at which it asks them for the
 * master. From now on it is opened again, unless it is over.
 * @param delayMs how long it stays closed, in milliseconds
 */
export function reopen(redis: Redis, isOver: () => boolean, delayMs: number): void {
  redis.on('end', () => {
    setTimeout(() => {
      if (!isOver() && redis.status === 'end') redis.connect().catch(() => undefined);
    }, delayMs);
  });
}
