import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import type { HandoverStore } from './handover';
import type { Commands, Publish } from './publish';
import type { SessionStore } from './sessions';
import type { Subscriber } from './subscriptions';

/** Longest time between two attempts to reconnect, in milliseconds. */
export const MAX_RECONNECT_DELAY_MS = 2000;
const RECONNECT_STEP_MS = 100;

/** Where Redis is and how long it may take. */
export interface RedisSettings {
  readonly redisUrl: string;
  /** A command that is not answered by then is rejected. */
  readonly redisTimeoutMs: number;
}

/**
 * A connection that fails fast: a command is sent now or rejected, never queued for later, and what was in
 * flight when the connection was lost is rejected and not sent again. It reconnects by itself.
 * It connects when {@link Redis.connect} is called.
 */
export function redisConnection(
  name: 'commands' | 'subscriber',
  { redisUrl, redisTimeoutMs }: RedisSettings,
  log: Logger,
): Redis {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectionName: `ws-bridge:${name}`,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    commandTimeout: redisTimeoutMs,
    connectTimeout: redisTimeoutMs,
    retryStrategy: (attempt) => Math.min(attempt * RECONNECT_STEP_MS, MAX_RECONNECT_DELAY_MS),
    // After a failover the old primary is a replica that takes no writes.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions);
  logChanges(redis, name, log);
  return redis;
}

/** One line when the connection is lost and one when it is back, however many attempts lie between. */
function logChanges(redis: Redis, connection: string, log: Logger): void {
  let lost = false;
  let reason: string | undefined;
  redis.on('error', (error) => {
    reason = error.message;
  });
  redis.on('close', () => {
    if (!lost) log.warn({ connection, reason }, 'redis connection lost');
    lost = true;
  });
  redis.on('ready', () => {
    log.info({ connection }, 'redis connection ready');
    lost = false;
    reason = undefined;
  });
}

/** Gives a connection up at once, even one whose other end no longer answers; it is opened anew. */
export function cut(redis: Redis): void {
  // ioredis's own disconnect waits for the other end.
  redis.stream.destroy();
}

/** Lets go of a connection, after the answers that are still due when Redis is there. */
export async function disconnect(redis: Commands): Promise<void> {
  try {
    if (redis.status === 'ready') await redis.quit();
  } catch {
    // It is lost anyway.
  } finally {
    redis.disconnect();
  }
}

/** How many listeners a connection has. */
export function listenerCount(redis: Commands): number {
  return redis.eventNames().reduce((sum, name) => sum + redis.listenerCount(name), 0);
}

/** A connection as the registry of subscriptions uses it. */
export function redisSubscriber(redis: Redis): Subscriber {
  return {
    subscribe: (channels) => redis.subscribe(...channels),
    unsubscribe: (channels) => redis.unsubscribe(...channels),
    reset: () => {
      cut(redis);
    },
  };
}

/** A connection as sessions use it. */
export function redisSessionStore(redis: Redis): SessionStore {
  return {
    setIfAbsent: async (claims, ttlMs) => {
      const commands = claims.map(({ key, owner }) => ['set', key, owner, 'PX', ttlMs, 'NX', 'GET']);
      const replies = await inPipelines(redis, commands);
      // Whatever is neither absent nor text is nobody's value.
      return replies.map((reply) => (reply === null || typeof reply === 'string' ? reply : ''));
    },
    expire: async (keys, ttlMs) => {
      const commands = keys.map((key) => ['pexpire', key, ttlMs]);
      const replies = await inPipelines(redis, commands);
      return replies.map((reply) => reply === 1);
    },
  };
}

/** A connection as handovers use it. */
export function redisHandoverStore(redis: Commands, publish: Publish): HandoverStore {
  return {
    publish,
    put: (key, value, ttlMs) => redis.set(key, value, 'PX', ttlMs),
    take: (key) => redis.getdelBuffer(key),
  };
}

/** Commands in one pipeline, at most. */
const MAX_COMMANDS_PER_PIPELINE = 500;

async function inPipelines(redis: Redis, commands: (string | number)[][]): Promise<readonly unknown[]> {
  const replies: unknown[] = [];
  for (let start = 0; start < commands.length; start += MAX_COMMANDS_PER_PIPELINE) {
    const results = await redis.pipeline(commands.slice(start, start + MAX_COMMANDS_PER_PIPELINE)).exec();
    if (results === null) throw new Error('Redis dropped a pipeline');
    for (const [error, reply] of results) {
      if (error !== null) throw error;
      replies.push(reply);
    }
  }
  return replies;
}
