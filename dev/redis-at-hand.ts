import { Redis } from 'ioredis';
import { describeTarget, parseRedisUrl } from '../redis/url';

/** REDIS_URL names no Redis that can be used. */
export class RedisUnusable extends Error {
  override readonly name = 'RedisUnusable';
  readonly code = 'ERR_REDIS_UNUSABLE';
}

/** How long somebody else's Redis is waited for, in milliseconds. */
const PATIENCE_MS = 10_000;
/** Milliseconds between two attempts, and after which it is said that there is something to wait for. */
const ROUND_MS = 500;

/**
 * Waits until the Redis that REDIS_URL names answers.
 * @param say takes a line for people
 * @throws RedisUnusable after a while; at once for what no waiting mends
 */
export async function awaitRedis(
  url: string,
  say: (line: string) => void,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const where = whereOf(url);
  const seconds = patienceMs / 1000;
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => ROUND_MS });
  let lastError = 'it does not answer';
  redis.on('error', ({ message }: Error) => (lastError = message));
  const waiting = setTimeout(() => {
    say(`waiting for Redis at ${where}, ${seconds} seconds at most`);
  }, ROUND_MS);
  let late: NodeJS.Timeout | undefined;
  const lateness = new Promise<never>((_, reject) => {
    late = setTimeout(() => {
      reject(new Error(`not there after ${seconds} seconds: ${lastError}`));
    }, patienceMs);
  });
  try {
    await Promise.race([redis.ping(), lateness]);
  } catch (cause) {
    throw new RedisUnusable(`Redis at ${where}: ${cause instanceof Error ? cause.message : String(cause)}`);
  } finally {
    clearTimeout(waiting);
    clearTimeout(late);
    redis.disconnect();
  }
}

/** @throws RedisUnusable, which quotes nothing of what may have a password in it */
function whereOf(url: string): string {
  const target = parseRedisUrl(url);
  const expected = 'REDIS_URL: expected redis://[user:password@]host[:port][/database], or rediss://';
  if (target === undefined) throw new RedisUnusable(expected);
  if (target.kind !== 'single') throw new RedisUnusable(`${expected}; got ${describeTarget(target)}`);
  return `${describeTarget(target)} (REDIS_URL)`;
}
