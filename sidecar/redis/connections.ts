import { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';
import { NodeConnector } from '../../redis/node-connector';
import { addressText, type Address, type RedisTarget } from '../../redis/url';
import { refreshSlots } from '../../redis/slot-refresh';
import { ConnectionLog, refusalLog } from '../../redis/connection-log';
import { errorReplies } from '../../redis/error-replies';
import { giveUpSilent } from '../../redis/give-up-silent';
import { MasterConnector } from '../../redis/master-connector';
import { gatherWrites } from '../../redis/coalesce-writes';
import {
  clusterOptions,
  identityOptions,
  retryStrategy,
  sentinelOptions,
  type Commands,
  type ConnectionSettings,
} from '../../redis/options';
import { reopen } from '../../redis/reopen';
import { identityOf, redisTarget, type RedisSettings } from './settings';
import type { CommandsName, SubscriberName, ConnectionName } from './connection-names';

/** Between two attempts to reconnect, in milliseconds. */
const RETRY_DELAYS = { stepMs: 100, maxMs: 2000 };
/** How long a connection that is given up may take to end, in milliseconds. */
const DISCONNECT_TIMEOUT_MS = 500;

/** The logs of connections that are not to end. */
const logs = new WeakMap<Commands, ConnectionLog>();

/**
 * The connection of commands: one, or in a cluster one to each master. It fails fast: a command is sent now or
 * rejected, never queued for later. A command in flight when the connection was lost is rejected and not sent again. It
 * reconnects by itself. It connects when `connect` is called.
 * @throws Node's error for a TLS file that cannot be read
 */
export function redisCommands(name: CommandsName, settings: RedisSettings, log: Logger): Commands {
  const target = redisTarget(settings);
  if (target.kind !== 'cluster') return redisConnection(name, settings, log);
  const cluster = new Cluster([...target.nodes], {
    ...clusterOptions(settings.redisTimeoutMs, RETRY_DELAYS),
    lazyConnect: true,
    redisOptions: {
      ...commonOptions(name, settings, log),
      ...identityOptions(target, identityOf(settings)),
      Connector: NodeConnector,
    },
  });
  refreshSlots(cluster, SLOTS_REFRESH_MS);
  cluster.on('+node', (node: Redis) => {
    gather(node);
    giveUpSilent(node, {
      timeoutMs: settings.redisTimeoutMs,
      onSilent: (reason) => {
        log.warn({ connection: `${name} ${nodeText(node)}`, reason }, 'redis connection lost');
        // A node that is lost comes back with the map.
        cluster.refreshSlotsCache();
      },
    });
  });
  logChanges(cluster, name, log);
  return cluster;
}

/** How often the commands' map of a cluster is read anew when nothing went wrong, in milliseconds. */
const SLOTS_REFRESH_MS = 5000;

/**
 * One connection to the Redis, or to the master that the sentinels name. It fails fast as {@link redisCommands} does.
 * @throws TypeError for a cluster's URL, and Node's error for a TLS file that cannot be read
 */
export function redisConnection(name: ConnectionName, settings: RedisSettings, log: Logger): Redis {
  const redis = connectionTo(redisTarget(settings), name, settings, log);
  gather(redis);
  giveUpSilent(redis, { timeoutMs: settings.redisTimeoutMs });
  logChanges(redis, name, log);
  reopen(redis, () => !logs.has(redis), RETRY_DELAYS.stepMs);
  return redis;
}

/** A connection to one node of a cluster, to subscribe over. */
export function shardConnection(
  name: SubscriberName,
  address: Address,
  settings: RedisSettings,
  log: Logger,
): Redis {
  const redis = new Redis({
    ...lastingOptions(name, settings, log),
    ...address,
    ...identityOptions(redisTarget(settings), identityOf(settings)),
    Connector: NodeConnector,
  });
  gather(redis);
  giveUpSilent(redis, { timeoutMs: settings.redisTimeoutMs });
  logChanges(redis, `${name} ${addressText(address)}`, log);
  return redis;
}

/** A storm of upgrades asks for three things each: written one by one they cost a syscall each. */
function gather(redis: Redis): void {
  redis.on('connect', () => {
    gatherWrites(redis.stream);
  });
}

function nodeText({ options: { host = '', port = 0 } }: Redis): string {
  return addressText({ host, port });
}

function connectionTo(target: RedisTarget, name: string, settings: RedisSettings, log: Logger): Redis {
  const identity = identityOf(settings);
  const options = { ...lastingOptions(name, settings, log), ...identityOptions(target, identity) };
  switch (target.kind) {
    case 'single':
      return new Redis({ ...options, ...target.nodes[0], db: target.database, Connector: MasterConnector });
    case 'sentinel': {
      const times = { timeoutMs: settings.redisTimeoutMs, retryMs: RETRY_DELAYS.maxMs };
      return new Redis({ ...options, ...sentinelOptions(target, identity, times) });
    }
    case 'cluster':
      throw new TypeError('expected no cluster');
  }
}

/** The options of any connection, also to a node of a cluster. */
function commonOptions(name: string, { redisTimeoutMs }: RedisSettings, log: Logger): ConnectionSettings {
  return {
    lazyConnect: true,
    connectionName: `ws-bridge:${name}`,
    // CLIENT SETINFO would need one more right.
    disableClientInfo: true,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    commandTimeout: redisTimeoutMs,
    connectTimeout: redisTimeoutMs,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    // After a failover the old master is a replica that takes no writes.
    reconnectOnError: errorReplies(refusalLog(log.child({ connection: name })), () => performance.now()),
  };
}

/** The options of a connection that reconnects by itself. */
function lastingOptions(name: string, settings: RedisSettings, log: Logger): ConnectionSettings {
  return {
    ...commonOptions(name, settings, log),
    enableOfflineQueue: false,
    retryStrategy: retryStrategy(RETRY_DELAYS),
  };
}

function logChanges(redis: Commands, connection: string, log: Logger): void {
  const changes = new ConnectionLog(log.child({ connection }), () => performance.now());
  changes.watch(redis);
  logs.set(redis, changes);
}

/** Lets go of a connection, after the answers that are still due when Redis is there. */
export async function disconnect(redis: Commands): Promise<void> {
  logs.get(redis)?.letGo();
  logs.delete(redis);
  try {
    if (redis.status === 'ready') await redis.quit();
  } catch {
    // It is lost anyway.
  } finally {
    redis.disconnect();
  }
}

/** How many listeners a connection has; of a cluster's, those that are not the library's own. */
export function listenerCount(redis: Commands): number {
  const names =
    redis instanceof Cluster ? ['error', 'ready', 'node error', 'sentinelError'] : redis.eventNames();
  return names.reduce((sum, name) => sum + redis.listenerCount(name), 0);
}
