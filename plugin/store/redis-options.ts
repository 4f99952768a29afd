import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import { NodeConnector } from '../../redis/node-connector';
import { parseRedisUrl, redisUrlFault, type RedisTarget } from '../../redis/url';
import { LiveSentinelConnector } from '../../redis/sentinel-connector';
import type { RedisSettings } from '../config/config';
import { ConfigError } from '../schema/config-error';

/** Longest time between two attempts to reconnect, in milliseconds. */
export const MAX_RECONNECT_DELAY_MS = 1000;

/** For what ioredis itself asks while it connects, in milliseconds; a decision's questions have a deadline of their own. */
const CONNECTING_TIMEOUT_MS = 5000;

/**
 * How long a connection may take to be made at least, and upgrades wait for the first of all, in milliseconds. A gatekeeper makes
 * it with its first upgrades, and after a restart of Kong these are all of its clients at once: it is busy for longer than
 * a decision may take.
 */
export const CONNECT_TIMEOUT_MS = 2000;

/** What ioredis is told of a connection. */
export type RedisConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

/** Where the settings' URL leads; undefined without one. @throws ConfigError for one that cannot be used */
export function redisTarget({ url }: RedisSettings): RedisTarget | undefined {
  if (url === undefined) return undefined;
  const target = parseRedisUrl(url);
  if (target === undefined) throw new ConfigError(`config.redis.url: ${redisUrlFault(url) ?? ''}`);
  return target;
}

/** For the connection to one Redis, or to the master that sentinels name. */
export function connectionOptions(
  settings: RedisSettings,
  target: RedisTarget | undefined,
): RedisConnectionOptions {
  return {
    ...nodeOptions(settings, target),
    Connector: NodeConnector,
    // Nothing is queued while Redis is away: an upgrade is answered now, not when Redis returns.
    enableOfflineQueue: false,
    retryStrategy: (attempt) => Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS),
    ...(target === undefined && { host: settings.host, port: settings.port, db: settings.database }),
    ...(target?.kind === 'single' && { ...target.nodes[0], db: target.database }),
    ...(target?.kind === 'sentinel' && sentinelOptions(settings, target)),
  };
}

/** For any connection to a Redis, also to a node of a cluster. */
export function nodeOptions(
  settings: RedisSettings,
  target: RedisTarget | undefined,
): RedisConnectionOptions {
  const username = target?.username ?? settings.username;
  const password = target?.password ?? settings.password;
  return {
    connectionName: 'ws-gatekeeper',
    // CLIENT SETINFO would need one more right.
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    commandTimeout: Math.max(settings.timeoutMs, CONNECTING_TIMEOUT_MS),
    connectTimeout: Math.max(settings.timeoutMs, CONNECT_TIMEOUT_MS),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...((target?.tls ?? settings.tls) && { tls: tlsOptions(settings) }),
  };
}

function sentinelOptions(
  settings: RedisSettings,
  target: Extract<RedisTarget, { kind: 'sentinel' }>,
): RedisConnectionOptions {
  const { timeoutMs, sentinelUsername, sentinelPassword } = settings;
  return {
    sentinels: [...target.nodes],
    name: target.name,
    db: target.database,
    role: 'master',
    Connector: LiveSentinelConnector,
    sentinelCommandTimeout: timeoutMs,
    // A master that was cut off and comes back looks well; the sentinels say that it is not the master.
    failoverDetector: true,
    sentinelReconnectStrategy: () => MAX_RECONNECT_DELAY_MS,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(target.tls && { sentinelTLS: tlsOptions(settings), enableTLSForSentinelMode: true }),
  };
}

function tlsOptions({ tlsVerify, serverName }: RedisSettings): ConnectionOptions {
  return {
    rejectUnauthorized: tlsVerify,
    ...(serverName !== undefined && { servername: serverName }),
  };
}
