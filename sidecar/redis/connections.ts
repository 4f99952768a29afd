import { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';
import { NodeConnector } from '../../redis/node-connector';
import { addressText, type Address, type RedisTarget } from '../../redis/url';
import { refreshSlots } from '../../redis/slot-refresh';
import { ConnectionLog } from '../../redis/connection-log';
import { giveUpSilent } from '../../redis/give-up-silent';
import { MasterConnector } from '../../redis/master-connector';
import { gatherWrites } from '../../redis/coalesce-writes';
import {
  type Commands,
  MAX_RECONNECT_DELAY_MS,
  RECONNECT_STEP_MS,
  type RedisSettings,
  redisTarget,
  sentinelOptions,
  commonOptions,
  reconnecting,
  credentials,
} from '../../redis/options';
import { letGo, neverEnd } from '../../redis/reopen';
import type { CommandsName, SubscriberName, ConnectionName } from './connection-names';

/**
 * What commands go over: one connection, or in a cluster one to each master. It fails fast: a command is sent now or
 * rejected, never queued for later, and what was in flight when the connection was lost is rejected and not sent
 * again. It reconnects by itself. It connects when `connect` is called.
 * @throws Node's error for a TLS file that cannot be read
 */
export function redisCommands(name: CommandsName, settings: RedisSettings, log: Logger): Commands {
  const target = redisTarget(settings);
  if (target.kind !== 'cluster') return redisConnection(name, settings, log);
  const cluster = new Cluster([...target.nodes], {
    lazyConnect: true,
    enableOfflineQueue: false,
    // What Redis redirects it has not done; whatever else failed may have been done, and is not sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // A shard that is away takes nothing from the others.
    enableReadyCheck: false,
    slotsRefreshTimeout: settings.redisTimeoutMs,
    clusterRetryStrategy: (attempt) => Math.min(attempt * RECONNECT_STEP_MS, MAX_RECONNECT_DELAY_MS),
    // A certificate is for the name that the cluster announces, not for the address behind it.
    dnsLookup: (host, callback) => {
      callback(null, host);
    },
    redisOptions: {
      ...commonOptions(name, settings, log),
      ...credentials(target, settings),
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
  neverEnd(redis);
  logChanges(redis, name, log);
  return redis;
}

/** A connection to one node of a cluster, to subscribe over. */
export function shardConnection(
  name: SubscriberName,
  address: Address,
  settings: RedisSettings,
  log: Logger,
): Redis {
  const ways = { ...commonOptions(name, settings, log), ...reconnecting, Connector: NodeConnector };
  const redis = new Redis({ ...ways, ...address, ...credentials(redisTarget(settings), settings) });
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
  const options = { ...commonOptions(name, settings, log), ...reconnecting };
  switch (target.kind) {
    case 'single':
      return new Redis({
        ...options,
        ...target.nodes[0],
        db: target.database,
        ...credentials(target, settings),
        Connector: MasterConnector,
      });
    case 'sentinel':
      return new Redis({
        ...options,
        ...credentials(target, settings),
        ...sentinelOptions(target, settings),
      });
    case 'cluster':
      throw new TypeError('expected no cluster');
  }
}

function logChanges(redis: Commands, connection: string, log: Logger): void {
  new ConnectionLog(log.child({ connection }), () => performance.now()).watch(redis);
}

/** Lets go of a connection, after the answers that are still due when Redis is there. */
export async function disconnect(redis: Commands): Promise<void> {
  letGo.add(redis);
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
