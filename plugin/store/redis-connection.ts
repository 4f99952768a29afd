import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { RedisTarget } from '../../redis/url';
import { ConnectionLog, refusalLog } from '../../redis/connection-log';
import { errorReplies, type ErrorReply } from '../../redis/error-replies';
import { tellOfServers } from '../../redis/first-look';
import type { RedisSettings } from '../config/config';
import { GatheredCalls, type GcraReply } from './gathered-calls';
import { LastingConnection } from './lasting-connection';
import { storeFault } from './outcome';
import { clusterConnection } from './redis-cluster';
import { connectionOptions, redisTarget } from './redis-options';
import { RenewedConnection } from './renewed-connection';
import { type GatekeeperRedis, MAX_READ_BYTES } from './gatekeeper-redis';

const GCRA_LUA = readFileSync(join(__dirname, 'gcra.lua'), 'utf8');

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
  const { connection, changes, hearRefusal } = renewedConnection(settings, target, log);
  const calls = new GatheredCalls(
    {
      run: (keys, args) => ask((redis) => runGcra(redis, keys, args)),
      exists: (key) => ask(async (redis) => (await redis.exists(key)) > 0),
      inOneWrite: (work) => {
        connection.current.inOneWrite(work);
      },
    },
    () => performance.now(),
    hearRefusal,
  );
  return {
    isCluster: false,
    gcra: (keys, args) => calls.charge(keys, args),
    read: (key) => ask((redis) => redis.getrange(key, 0, MAX_READ_BYTES)),
    exists: (key) => calls.exists(key),
    close() {
      changes.letGo();
      connection.close();
    },
  };

  async function ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await connection.current.ask(command);
    } catch (cause) {
      throw storeFault(cause);
    }
  }
}

/** To whichever server is the master: one that answers as another does is left for what is behind its address by then. */
function renewedConnection(
  settings: RedisSettings,
  target: RedisTarget | undefined,
  log: Logger,
): {
  readonly connection: RenewedConnection;
  readonly changes: ConnectionLog;
  readonly hearRefusal: (reason: string) => void;
} {
  const nowMs = () => performance.now();
  const changes = new ConnectionLog(log, nowMs);
  const renewIfRefused = errorReplies(refusalLog(log), nowMs);
  const hear = (error: ErrorReply): void => {
    if (renewIfRefused(error)) renewed.renew();
  };
  const options = {
    ...connectionOptions(settings, target),
    reconnectOnError: (error: Error) => {
      hear(error);
      return false;
    },
  };
  let unwatch: () => void = () => undefined;
  const renewed: RenewedConnection = new RenewedConnection(
    () => {
      const opened = new LastingConnection(options, settings.timeoutMs);
      opened.redis.defineCommand('gcra', { lua: GCRA_LUA });
      opened.redis.on('error', changes.tell);
      return opened;
    },
    ({ redis }) => {
      unwatch();
      redis.off('error', changes.tell);
      unwatch = changes.watch(redis);
      // Errors of a connection that was let go of are nobody's concern; without a listener they would end the process.
      redis.on('error', () => undefined);
    },
  );
  // One that takes its place is to another server of the same setup.
  tellOfServers(renewed.current.redis, log, settings.keeps);
  return {
    connection: renewed,
    changes,
    hearRefusal: (message) => {
      hear({ message, command: { name: 'evalsha' } });
    },
  };
}

type GcraCommand = (numberOfKeys: number, ...rest: (string | number)[]) => Promise<readonly GcraReply[]>;

function runGcra(
  redis: Redis,
  keys: readonly string[],
  args: readonly (number | string)[],
): Promise<readonly GcraReply[]> {
  const { gcra } = redis as unknown as { gcra: GcraCommand };
  return gcra.call(redis, keys.length, ...keys, ...args);
}
