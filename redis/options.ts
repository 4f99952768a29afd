import type { Cluster } from 'ioredis';
import { type Redis, type RedisOptions } from 'ioredis';
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { Logger } from 'pino';
import { parseRedisUrl, redisUrlFault, type RedisTarget } from './url';
import { refusalLog } from './connection-log';
import { errorReplies } from './error-replies';
import { LiveSentinelConnector } from './sentinel-connector';

/** The connection, or the connections, that commands go over. */
export type Commands = Redis | Cluster;

/** Longest time between two attempts to reconnect, in milliseconds. */
export const MAX_RECONNECT_DELAY_MS = 2000;
export const RECONNECT_STEP_MS = 100;
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

type SentinelTarget = Extract<RedisTarget, { kind: 'sentinel' }>;

export function sentinelOptions(target: SentinelTarget, settings: RedisSettings): ConnectionSettings {
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

export function commonOptions(
  name: string,
  { redisTimeoutMs }: RedisSettings,
  log: Logger,
): ConnectionSettings {
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

export const reconnecting = {
  enableOfflineQueue: false,
  retryStrategy: (attempt: number): number => Math.min(attempt * RECONNECT_STEP_MS, MAX_RECONNECT_DELAY_MS),
};

export function credentials(target: RedisTarget, settings: RedisSettings): ConnectionSettings {
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
