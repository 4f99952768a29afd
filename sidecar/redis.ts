import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { NodeConnector } from '../protocol/node-connector';
import {
  addressText,
  parseRedisUrl,
  redisUrlFault,
  type Address,
  type RedisTarget,
} from '../protocol/redis-url';
import { refreshSlots } from '../protocol/slot-refresh';
import { gatherWrites } from './gathered-writes';
import type { HandoverStore } from './handover';
import type { Commands, Publish } from './publish';
import type { Subscriber } from './subscriptions';

/** Longest time between two attempts to reconnect, in milliseconds. */
export const MAX_RECONNECT_DELAY_MS = 2000;
const RECONNECT_STEP_MS = 100;
/** How long a connection that is given up may take to end, in milliseconds. */
const DISCONNECT_TIMEOUT_MS = 500;

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
export function redisCommands(settings: RedisSettings, log: Logger): Commands {
  const target = redisTarget(settings);
  if (target.kind !== 'cluster') return redisConnection('commands', settings, log);
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
      ...commonOptions('commands', settings),
      ...credentials(target, settings),
      Connector: NodeConnector,
    },
  });
  refreshSlots(cluster, SLOTS_REFRESH_MS);
  cluster.on('+node', gather);
  logChanges(cluster, 'commands', log);
  return cluster;
}

/** How often the commands' map of a cluster is read anew when nothing went wrong, in milliseconds. */
const SLOTS_REFRESH_MS = 5000;

/**
 * One connection to the Redis, or to the master that the sentinels name. It fails fast as {@link redisCommands} does.
 * @throws TypeError for a cluster's URL, and Node's error for a TLS file that cannot be read
 */
export function redisConnection(
  name: 'commands' | 'subscriber',
  settings: RedisSettings,
  log: Logger,
): Redis {
  const redis = connectionTo(redisTarget(settings), name, settings);
  gather(redis);
  neverEnd(redis);
  logChanges(redis, name, log);
  return redis;
}

/** A connection to one node of a cluster, to subscribe over. */
export function shardConnection(address: Address, settings: RedisSettings, log: Logger): Redis {
  const ways = { ...commonOptions('subscriber', settings), ...reconnecting, Connector: NodeConnector };
  const redis = new Redis({ ...ways, ...address, ...credentials(redisTarget(settings), settings) });
  gather(redis);
  logChanges(redis, `subscriber ${addressText(address)}`, log);
  return redis;
}

/** A storm of upgrades asks for three things each: written one by one they cost a syscall each. */
function gather(redis: Redis): void {
  redis.on('connect', () => {
    gatherWrites(redis.stream);
  });
}

function connectionTo(target: RedisTarget, name: string, settings: RedisSettings): Redis {
  const options = { ...commonOptions(name, settings), ...reconnecting };
  switch (target.kind) {
    case 'single':
      return new Redis({
        ...options,
        ...target.nodes[0],
        db: target.database,
        ...credentials(target, settings),
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

function commonOptions(name: string, { redisTimeoutMs }: RedisSettings): ConnectionSettings {
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
    // After a failover the old primary is a replica that takes no writes.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
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

/** One line when the connection is lost and one when it is back, however many attempts lie between. */
function logChanges(redis: Commands, connection: string, log: Logger): void {
  let lost = false;
  let reason: string | undefined;
  redis.on('error', (error: Error) => {
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
  const names = redis instanceof Cluster ? ['error', 'ready', 'node error'] : redis.eventNames();
  return names.reduce((sum, name) => sum + redis.listenerCount(name), 0);
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

/** A connection as handovers use it. */
export function redisHandoverStore(redis: Commands, publish: Publish): HandoverStore {
  return {
    publish,
    put: (key, value, ttlMs) => redis.set(key, value, 'PX', ttlMs),
    take: (key) => redis.getdelBuffer(key),
  };
}
