import type { Redis } from 'ioredis';
import { type Commands, RECONNECT_STEP_MS } from './options';

/** Connections that are to end. */
export const letGo = new WeakSet<Commands>();

/**
 * ioredis ends a connection for good when the sentinels announce a failover at the moment at which it asks them for the
 * master. It is to end only when it is let go of.
 */
export function neverEnd(redis: Redis): void {
  redis.on('end', () => {
    setTimeout(() => {
      if (!letGo.has(redis) && redis.status === 'end') redis.connect().catch(() => undefined);
    }, RECONNECT_STEP_MS);
  });
}
