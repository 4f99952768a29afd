import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { giveUpSilent } from '../../redis/give-up-silent';
import type { RedisSettings } from '../config/config';
import { withAnswerDeadline } from './answer-deadline';
import { clusterConnection } from './redis-cluster';
import { CONNECT_TIMEOUT_MS, connectionOptions, redisTarget } from './redis-options';
import { StoreUnreachableError } from './store';

const GCRA_LUA = readFileSync(join(__dirname, 'gcra.lua'), 'utf8');
/** As many bytes more than one of a key are read at most, as in gcra.lua. */
export const MAX_READ_BYTES = 256;
/** How long a connection that the sentinels ended for good stays closed, in milliseconds. */
const REOPEN_DELAY_MS = 50;

/** A connection to Redis, or to a cluster of it, with the gatekeeper's script on it. */
export interface GatekeeperRedis {
  /** Whether keys with different hash tags cannot be asked for in one call. */
  readonly isCluster: boolean;
  /** Runs gcra.lua. @throws StoreUnreachableError */
  gcra(keys: readonly string[], args: readonly (number | string)[]): Promise<readonly number[]>;
  /** The first bytes of what a key holds; an empty text when there is no such key. @throws StoreUnreachableError */
  read(key: string): Promise<string>;
  /** Whether a key exists. @throws StoreUnreachableError */
  exists(key: string): Promise<boolean>;
  close(): void;
}

// One for equal settings. Who holds them, and when they are let go of: held-stores.ts.
const connections = new Map<string, GatekeeperRedis>();

/** The one connection of this process for these settings, made when first asked for. */
export function redisFor(settings: RedisSettings, log: Logger): GatekeeperRedis {
  const key = JSON.stringify(settings);
  const known = connections.get(key);
  if (known !== undefined) return known;
  const made = connect(settings, log);
  connections.set(key, made);
  return made;
}

/** Closes the connection for these settings; asked for again, there will be another one. */
export function closeRedis(settings: RedisSettings): void {
  const key = JSON.stringify(settings);
  connections.get(key)?.close();
  connections.delete(key);
}

/** Closes every connection, so that the process can end. */
export function closeRedisConnections(): void {
  for (const connection of connections.values()) connection.close();
  connections.clear();
}

function connect(settings: RedisSettings, log: Logger): GatekeeperRedis {
  const target = redisTarget(settings);
  if (target?.kind === 'cluster') return clusterConnection(target, settings, GCRA_LUA, log);
  const options = connectionOptions(settings, target);
  const redis = new Redis(options);
  redis.defineCommand('gcra', { lua: GCRA_LUA });
  redis.on('error', (error: Error) => {
    log.warn({ err: { message: error.message } }, 'redis connection error');
  });
  redis.on('ready', () => {
    log.info('redis connection ready');
  });
  // One that nobody asks for a while is found dead before an upgrade needs it.
  giveUpSilent(redis, { timeoutMs: settings.timeoutMs });
  const letGo = neverEnd(redis);
  const ready = readiness(redis, settings.timeoutMs);
  const reconnectIfSilent = reconnectorFor(redis);
  const gather = gatherer();
  return {
    isCluster: false,
    gcra: (keys, args) => ask(() => call(redis, keys, args)),
    read: (key) => ask(() => redis.getrange(key, 0, MAX_READ_BYTES)),
    exists: (key) => ask(async () => (await redis.exists(key)) > 0),
    close() {
      letGo();
      redis.disconnect();
    },
  };

  async function ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      if (redis.status !== 'ready') await ready();
      gather(redis.stream);
      return await withAnswerDeadline(command(), settings.timeoutMs);
    } catch (cause) {
      reconnectIfSilent(cause as Error);
      throw new StoreUnreachableError((cause as Error).message);
    }
  }
}

/**
 * ioredis ends a connection for good when the sentinels announce a failover at the moment at which it asks them for the
 * master. It is to end only when it is let go of.
 */
function neverEnd(redis: Redis): () => void {
  let over = false;
  redis.on('end', () => {
    setTimeout(() => {
      if (!over && redis.status === 'end') redis.connect().catch(() => undefined);
    }, REOPEN_DELAY_MS);
  });
  return () => {
    over = true;
  };
}

/**
 * A peer that is gone without a word would be waited for until TCP gives up, minutes later, and what a hung Redis has
 * not answered would pile up. A new connection ends both.
 */
function reconnectorFor(redis: Redis): (error: Error) => void {
  let leaving = false;
  redis.on('close', () => {
    leaving = false;
  });
  return (error) => {
    if (leaving || error.message !== 'Command timed out') return;
    leaving = true;
    redis.disconnect(true);
  };
}

/** What is asked in one turn of the event loop, by however many decisions, leaves in one write. */
function gatherer(): (stream: Pick<Writable, 'cork' | 'uncork'>) => void {
  let gathering = false;
  return (stream) => {
    if (gathering) return;
    gathering = true;
    stream.cork();
    setImmediate(() => {
      gathering = false;
      stream.uncork();
    });
  };
}

/**
 * Waits for a connection that is being made for the first time; one that was lost fails at once. However many
 * upgrades wait, they share one pair of listeners.
 */
function readiness(redis: Redis, timeoutMs: number): () => Promise<void> {
  let pending: Promise<void> | undefined;
  let waitMs = Math.max(timeoutMs, CONNECT_TIMEOUT_MS);
  redis.once('close', () => {
    waitMs = timeoutMs;
  });
  return async () => {
    if (redis.status === 'reconnecting' || redis.status === 'end') throw new Error('not connected');
    pending ??= firstOf(redis, waitMs).finally(() => {
      pending = undefined;
    });
    await pending;
  };
}

function firstOf(redis: Redis, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(onClose, timeoutMs);
    redis.once('ready', onReady).once('close', onClose);

    function onReady(): void {
      release();
      resolve();
    }
    function onClose(): void {
      release();
      reject(new Error('not connected'));
    }
    function release(): void {
      clearTimeout(timer);
      redis.off('ready', onReady).off('close', onClose);
    }
  });
}

type GcraCommand = (numberOfKeys: number, ...rest: (string | number)[]) => Promise<readonly number[]>;

function call(
  redis: Redis,
  keys: readonly string[],
  args: readonly (number | string)[],
): Promise<readonly number[]> {
  const { gcra } = redis as unknown as { gcra: GcraCommand };
  return gcra.call(redis, keys.length, ...keys, ...args);
}
