import { withDeadline } from '../lib/promises';
import type { Commands } from '../../redis/options';

/** Where ioredis tells why it does not connect, the best first: of a sentinel, of a cluster's node, of a connection. */
const CAUSES = ['sentinelError', 'node error', 'error'] as const;
/** A sentinel, the master and its greeting each have the time of a command. */
const STEPS = 3;

/** Connects once. @throws Error with the cause, which ioredis's own rejection does not have */
export async function connectOnce(redis: Commands, timeoutMs: number): Promise<void> {
  const causes = new Map<string, Error>();
  for (const name of CAUSES) {
    redis.on(name, (error: Error) => {
      causes.set(name, error);
    });
  }
  try {
    await withDeadline(redis.connect(), STEPS * timeoutMs);
  } catch (error) {
    throw CAUSES.map((name) => causes.get(name)).find((cause) => cause !== undefined) ?? error;
  }
}
