import { isCluster, type RedisClient } from './client';
import { within } from './within';

/**
 * A command that was on its way when a connection broke is not sent again: a frame might come twice. A command meanwhile
 * waits, and a read that blocks may take its time. One that ioredis gives up may have been given commands, which nobody would know of.
 */
const OVERRIDES = {
  enableOfflineQueue: true,
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
  autoResendUnfulfilledCommands: false,
  lazyConnect: false,
  replyMapping: 'legacy',
  stringNumbers: false,
} as const;

const LONGEST_RETRY_MS = 2_000;

/** It always comes back. The application's may give up: it is told of that, and a worker without Redis is one that nobody notices. */
const retryMs = (times: number): number => Math.min(100 * times, LONGEST_RETRY_MS);

/** A connection of the service's own, to where the application's leads. */
export function ownConnection(redis: RedisClient, told: (cause: Error) => void): RedisClient {
  const own = isCluster(redis)
    ? redis.duplicate([], {
        enableOfflineQueue: true,
        clusterRetryStrategy: retryMs,
        retryDelayOnFailover: 0,
        // A replica may not know yet what its worker has.
        scaleReads: 'master',
        redisOptions: { ...redis.options.redisOptions, ...OVERRIDES },
      })
    : redis.duplicate({ ...OVERRIDES, retryStrategy: retryMs, sentinelRetryStrategy: retryMs });
  own.on('error', told);
  return own;
}

/**
 * Waits for an answer of Redis, for so long. A connection that does not answer is opened anew.
 * @param came called with an answer that came later: a command that waits for a connection is obeyed once there is one
 * @throws Error when it did not answer
 */
export function answered<T>(
  redis: RedisClient,
  timeoutMs: number,
  asked: Promise<T>,
  came: (answer: T) => void = () => undefined,
): Promise<T> {
  return within(timeoutMs, asked, () => {
    asked.then(came, () => undefined);
    // Others may have waited for it as long.
    if (redis.status === 'ready') redis.disconnect(true);
  });
}
