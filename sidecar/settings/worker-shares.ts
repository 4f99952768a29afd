import type { Row } from './row';
import type { TABLE } from './table';

/**
 * Whose a setting is in a bridge of several workers:
 * - `divided`: each worker has its share of it, rounded down, so that all together have no more than it says;
 * - `whole`: it holds once for all workers, in their primary or in Redis;
 * - `each`: it holds in each worker as it stands, since it is about one connection, one replay log, one span of time.
 */
export type Holding = 'divided' | 'whole' | 'each';

/** A table's settings by whose they are: the compiler misses none. */
type HoldingsOf<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Row<infer Value>
    ? Value extends number
      ? Holding
      : Exclude<Holding, 'divided'>
    : HoldingsOf<Table[Name]>;
};

const EACH = { perSecond: 'each', burst: 'each' } as const;
const DIVIDED = { perSecond: 'divided', burst: 'divided' } as const;
const OWNERS = { socket: EACH, user: DIVIDED, tenant: DIVIDED } as const;

/** Each setting of the bridge. */
export const HOLDINGS: HoldingsOf<typeof TABLE> = {
  host: 'whole',
  port: 'whole',
  workers: 'whole',
  adminHost: 'whole',
  adminPort: 'whole',
  adminMaxConnections: 'whole',
  adminTimeoutMs: 'whole',
  redisUrl: 'each',
  redisTimeoutMs: 'each',
  redisUsername: 'each',
  redisPassword: 'each',
  redisSentinelUsername: 'each',
  redisSentinelPassword: 'each',
  redisTlsCaFile: 'each',
  redisTlsCertFile: 'each',
  redisTlsKeyFile: 'each',
  redisTlsServerName: 'each',
  redisTopologyIntervalMs: 'each',
  channelPrefix: 'each',
  assertionSecret: 'each',
  assertionSecretPrevious: 'each',
  assertionPublicKey: 'each',
  assertionPath: 'each',
  assertionAccess: 'each',
  routesFile: 'each',
  subprotocols: 'each',
  pingIntervalMs: 'each',
  commentIntervalMs: 'each',
  maxFrameBytes: 'each',
  maxStateBytes: 'each',
  maxCommandBytes: 'each',
  maxCommandValues: 'each',
  maxRelayBytes: 'each',
  maxOneWayFrameBytes: 'each',
  maxFragments: 'each',
  messageTimeoutMs: 'each',
  listenBacklog: 'whole',
  maxHeaderBytes: 'each',
  maxConnections: 'divided',
  maxConnectionsPerTenant: 'whole',
  maxConnectionsPerUser: 'whole',
  connectionLeaseMs: 'each',
  returnAfterMs: 'each',
  maxSubscriptions: 'divided',
  maxMessagesPerSecond: 'each',
  messageBurst: 'each',
  maxPendingMessages: 'each',
  maxPendingPosts: 'divided',
  maxRelayBacklogBytes: 'divided',
  maxBufferBytes: 'each',
  bufferTotalBytes: 'divided',
  bufferTenantBytes: 'divided',
  unfinishedTotalBytes: 'divided',
  unfinishedTenantBytes: 'divided',
  maxCoalesceMs: 'each',
  maxSeenAssertions: 'whole',
  byteRates: { commands: OWNERS, relay: OWNERS },
  sessionTtlMs: 'each',
  commandStream: 'each',
  commandStreamMaxLength: 'whole',
  commandStreamMaxBytes: 'whole',
  commandTenantBytes: 'whole',
  commandTenantWindowMs: 'whole',
  maxCommandIds: 'whole',
  commandIdTtlMs: 'whole',
  presenceLingerMs: 'each',
  presenceStreamMaxLength: 'whole',
  presenceTenantJoins: 'whole',
  lockLeaseMs: 'each',
  lockLingerMs: 'each',
  maxLockNameBytes: 'each',
  maxLocksPerSocket: 'each',
  maxLocksPerDocument: 'whole',
  maxLocksPerTenant: 'whole',
  handshakeTimeoutMs: 'each',
  probeIntervalMs: 'each',
  probeTimeoutMs: 'each',
  drainMs: 'each',
  ringMaxFrames: 'each',
  ringMaxBytes: 'each',
  ringTotalBytes: 'divided',
  ringTenantBytes: 'divided',
  lingerMs: 'each',
  handoverTimeoutMs: 'each',
  metricsMaxTenants: 'divided',
  headers: { tenant: 'each', user: 'each', roles: 'each', requestId: 'each', assertion: 'each' },
  logLevel: 'each',
};

/** Holdings by the setting's name, some of them in groups. */
export interface Holdings {
  readonly [name: string]: Holding | Holdings;
}

/**
 * A worker's share of settings.
 * @param values of the table whose holdings are given
 */
export function shareOf<Values extends object>(values: Values, holdings: Holdings, workers: number): Values {
  const entries = Object.entries(values).map(([name, value]: [string, unknown]) => {
    const holding = holdings[name];
    if (typeof holding === 'object') return [name, shareOf(value as object, holding, workers)];
    return [name, holding === 'divided' ? Math.floor((value as number) / workers) : value];
  });
  return Object.freeze(Object.fromEntries(entries) as Values);
}
