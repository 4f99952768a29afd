import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import { LiveSentinelConnector } from './sentinel-connector';
import type { Credentials, RedisTarget } from './url';

/** The connection, or the connections, that commands go over. */
export type Commands = Redis | Cluster;

/** The options of one connection, as ioredis takes them. */
export type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>;

/** Who a server is to Redis and to its sentinels, as far as its URL does not say. */
export interface RedisIdentity extends Credentials {
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** How TLS is spoken, where it is. */
  readonly tls: ConnectionOptions;
}

/** Times between two attempts to connect, in milliseconds. */
export interface RetryDelays {
  readonly stepMs: number;
  readonly maxMs: number;
}

/** Longer with each attempt that failed. */
export function retryStrategy({ stepMs, maxMs }: RetryDelays): (attempt: number) => number {
  return (attempt) => Math.min(attempt * stepMs, maxMs);
}

/** As whom a connection is made, and whether over TLS: what the URL says goes before what the settings say. */
export function identityOptions(
  target: Partial<Credentials> & { readonly tls: boolean },
  identity: RedisIdentity,
): ConnectionSettings {
  const username = target.username ?? identity.username;
  const password = target.password ?? identity.password;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(target.tls && { tls: identity.tls }),
  };
}

/** For the master that sentinels name. */
export function sentinelOptions(
  target: Extract<RedisTarget, { kind: 'sentinel' }>,
  { sentinelUsername, sentinelPassword, tls }: RedisIdentity,
  { timeoutMs, retryMs }: { readonly timeoutMs: number; readonly retryMs: number },
): ConnectionSettings {
  return {
    sentinels: [...target.nodes],
    name: target.name,
    db: target.database,
    role: 'master',
    Connector: LiveSentinelConnector,
    sentinelCommandTimeout: timeoutMs,
    // A master that was cut off and comes back looks well; the sentinels say that it is not the master.
    failoverDetector: true,
    sentinelReconnectStrategy: () => retryMs,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(target.tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
}

/** For commands to a cluster, of which none waits and none is sent twice. */
export function clusterOptions(timeoutMs: number, delays: RetryDelays): ClusterOptions {
  return {
    // Nothing is queued while Redis is away.
    enableOfflineQueue: false,
    // Redis has not done a command that it redirects. Any other that failed may have been done, and is not sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // A master that is away takes nothing from the others.
    enableReadyCheck: false,
    slotsRefreshTimeout: timeoutMs,
    clusterRetryStrategy: retryStrategy(delays),
    // A certificate is for the name that the cluster announces, not for the address behind it.
    dnsLookup: (host, callback) => {
      callback(null, host);
    },
  };
}
