import { NodeConnector } from '../../redis/node-connector';
import {
  identityOptions,
  retryStrategy,
  sentinelOptions,
  type ConnectionSettings,
  type RedisIdentity,
} from '../../redis/options';
import { parseRedisUrl, redisUrlFault, type RedisTarget } from '../../redis/url';
import type { RedisSettings } from '../config/config';
import { ConfigError } from '../schema/config-error';

/** Between two attempts to reconnect, in milliseconds. */
export const RETRY_DELAYS = { stepMs: 50, maxMs: 1000 };

/** For what ioredis itself asks while it connects, in milliseconds; a decision's questions have a deadline of their own. */
const CONNECTING_TIMEOUT_MS = 5000;

/**
 * How long a connection may take to be made at least, and upgrades wait for the first of all, in milliseconds. A
 * gatekeeper makes it with its first upgrades. After a restart of Kong these are all of its clients at once. The
 * gatekeeper is busy then for longer than a decision may take.
 */
export const CONNECT_TIMEOUT_MS = 2000;

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
): ConnectionSettings {
  return {
    ...nodeOptions(settings, target),
    Connector: NodeConnector,
    // Nothing is queued while Redis is away: an upgrade is answered now, not when Redis returns.
    enableOfflineQueue: false,
    retryStrategy: retryStrategy(RETRY_DELAYS),
    ...(target === undefined && { host: settings.host, port: settings.port, db: settings.database }),
    ...(target?.kind === 'single' && { ...target.nodes[0], db: target.database }),
    ...(target?.kind === 'sentinel' &&
      sentinelOptions(target, identityOf(settings), {
        timeoutMs: settings.timeoutMs,
        retryMs: RETRY_DELAYS.maxMs,
      })),
  };
}

/** For any connection to a Redis, also to a node of a cluster. */
export function nodeOptions(settings: RedisSettings, target: RedisTarget | undefined): ConnectionSettings {
  return {
    connectionName: 'ws-gatekeeper',
    // CLIENT SETINFO would need one more right.
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    commandTimeout: Math.max(settings.timeoutMs, CONNECTING_TIMEOUT_MS),
    connectTimeout: Math.max(settings.timeoutMs, CONNECT_TIMEOUT_MS),
    ...identityOptions({ ...target, tls: target?.tls ?? settings.tls }, identityOf(settings)),
  };
}

function identityOf(settings: RedisSettings): RedisIdentity {
  const { username, password, sentinelUsername, sentinelPassword, tlsVerify, serverName } = settings;
  const tls = { rejectUnauthorized: tlsVerify, ...(serverName !== undefined && { servername: serverName }) };
  return { username, password, sentinelUsername, sentinelPassword, tls };
}
