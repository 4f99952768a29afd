import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { NodeConnector } from '../../redis/node-connector';
import { addressText, parseRedisUrl, redisUrlFault, type Address, type RedisTarget } from '../../redis/url';
import { refreshSlots } from '../../redis/slot-refresh';
import { ConnectionLog, refusalLog } from '../../redis/connection-log';
import { errorReplies } from '../../redis/error-replies';
import { giveUp, giveUpSilent } from '../../redis/give-up-silent';
import { MasterConnector } from '../../redis/master-connector';
import { LiveSentinelConnector } from '../../redis/sentinel-connector';
import { gatherWrites } from '../../redis/coalesce-writes';
import type { HandoverStore } from '../resume/handover/handover';
import type { Commands, Publish } from './publish';
import type { SubscriberConnection } from '../pubsub/gathered-subscriber';

/** Longest time between two attempts to reconnect, in milliseconds. */
export const MAX_RECONNECT_DELAY_MS = 2000;
const RECONNECT_STEP_MS = 100;
/** How long a connection that is given up may take to end, in milliseconds. */
const DISCONNECT_TIMEOUT_MS = 500;

/** What commands go over: `publisher` is for the messages that clients' peers are to hear, `commands` for all else. */
export type CommandsName = 'commands' | 'publisher';
/** What messages come over: `relays` is for the channels that clients' messages are relayed on, `subscriber` for all else. */
export type SubscriberName = 'subscriber' | 'relays';
/** A connection's name in logs and metrics, and after `ws-bridge:` in CLIENT LIST. */
export type ConnectionName = CommandsName | SubscriberName;

/** Where Redis is, who the bridge is to it, and how long it may take. */
export interface RedisSettings {
  /** As {@link parseRedisUrl} takes it. */
  readonly redisUrl: string;
  /** A command that is not answered by then is rejected. */
  readonly redisTimeoutMs: number;
  /** For a URL that names none. */
  readonly redisUsername?: string | undefined;
  readonly redisPassword?: string | undefined;
  readonly redisSentinelUsername?: string | undefined;
  readonly redisSentinelPassword?: string | undefined;
  /** PEM files. */
  readonly redisTlsCaFile?: string | undefined;
  readonly redisTlsCertFile?: string | undefined;
  readonly redisTlsKeyFile?: string | undefined;
  /** The name to ask for and verify, instead of the host that is connected to. */
  readonly redisTlsServerName?: string | undefined;
}

/** Where a URL of {@link RedisSettings} leads. @throws TypeError for one that cannot be used */
export function redisTarget({ redisUrl }: RedisSettings): RedisTarget {
  const target = parseRedisUrl(redisUrl);
  if (target === undefined) throw new TypeError(redisUrlFault(redisUrl));
  return target;
}

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

/** Connections that are to end. */
const letGo = new WeakSet<Commands>();

/**
 * ioredis ends a connection for good when the sentinels announce a failover at the moment at which it asks them for the
 * master. It is to end only when it is let go of.
 */
function neverEnd(redis: Redis): void {
  redis.on('end', () => {
    setTimeout(() => {
      if (!letGo.has(redis) && redis.status === 'end') redis.connect().catch(() => undefined);
    }, RECONNECT_STEP_MS);
  });
}

type SentinelTarget = Extract<RedisTarget, { kind: 'sentinel' }>;

function sentinelOptions(target: SentinelTarget, settings: RedisSettings): ConnectionSettings {
  const { redisTimeoutMs, redisSentinelUsername, redisSentinelPassword } = settings;
  return {
    sentinels: [...target.nodes],
    name: target.name,
    db: target.database,
    role: 'master',
    Connector: LiveSentinelConnector,
    sentinelCommandTimeout: redisTimeoutMs,
    // A master that was cut off and comes back looks well; the sentinels say that it is not the master.
    failoverDetector: true,
    sentinelReconnectStrategy: () => MAX_RECONNECT_DELAY_MS,
    ...(redisSentinelUsername !== undefined && { sentinelUsername: redisSentinelUsername }),
    ...(redisSentinelPassword !== undefined && { sentinelPassword: redisSentinelPassword }),
    ...(target.tls && { sentinelTLS: tlsOptions(settings), enableTLSForSentinelMode: true }),
  };
}

type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>;

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

const reconnecting = {
  enableOfflineQueue: false,
  retryStrategy: (attempt: number): number => Math.min(attempt * RECONNECT_STEP_MS, MAX_RECONNECT_DELAY_MS),
};

function credentials(target: RedisTarget, settings: RedisSettings): ConnectionSettings {
  const username = target.username ?? settings.redisUsername;
  const password = target.password ?? settings.redisPassword;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(target.tls && { tls: tlsOptions(settings) }),
  };
}

function tlsOptions(settings: RedisSettings): ConnectionOptions {
  const { redisTlsCaFile, redisTlsCertFile, redisTlsKeyFile, redisTlsServerName } = settings;
  return {
    ...(redisTlsCaFile !== undefined && { ca: readFileSync(redisTlsCaFile) }),
    ...(redisTlsCertFile !== undefined && { cert: readFileSync(redisTlsCertFile) }),
    ...(redisTlsKeyFile !== undefined && { key: readFileSync(redisTlsKeyFile) }),
    ...(redisTlsServerName !== undefined && { servername: redisTlsServerName }),
  };
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

/** A connection as the registry of subscriptions uses it. */
export function redisSubscriber(redis: Redis): SubscriberConnection {
  return {
    subscribe: (channels) => redis.subscribe(...channels),
    unsubscribe: (channels) => redis.unsubscribe(...channels),
    reset: () => {
      giveUp(redis, 'its subscriptions are not what they should be');
    },
  };
}

/** A connection as handovers use it. */
export function redisHandoverStore(redis: Commands, publish: Publish, publishMark: Publish): HandoverStore {
  return {
    publish,
    publishMark,
    put: (key, value, ttlMs) => redis.set(key, value, 'PX', ttlMs),
    take: (key) => redis.getdelBuffer(key),
  };
}
