import type { HeaderNames } from '../../protocol/headers';
import type { LogLevel } from '../../stdio/log-level';
import { isServiceAddress } from '../../stdio/service-links';
import { unknownVariables, unknownVariableText, type UnknownVariable } from '../../stdio/unknown-variables';
import type { ByteRates } from '../quotas/byte-owners';
import type { Row, SettingRow } from './row';
import { TABLE } from './table';
import type { AssertionPathRule } from './assertion-path-rule';

export { LOG_LEVELS, type LogLevel } from '../../stdio/log-level';
export { MAX_RING_FRAMES } from './resume-rows';
export type { SettingRow } from './row';

/** Everything an operator can set, read from the environment by {@link parseSettings}. */
export interface Settings {
  readonly host: string;
  /** 0 takes any free port; the log line "listening" says which. */
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly adminMaxConnections: number;
  readonly adminTimeoutMs: number;
  readonly redisUrl: string;
  readonly redisTimeoutMs: number;
  readonly redisUsername: string | undefined;
  readonly redisPassword: string | undefined;
  readonly redisSentinelUsername: string | undefined;
  readonly redisSentinelPassword: string | undefined;
  readonly redisTlsCaFile: string | undefined;
  readonly redisTlsCertFile: string | undefined;
  readonly redisTlsKeyFile: string | undefined;
  readonly redisTlsServerName: string | undefined;
  readonly redisTopologyIntervalMs: number;
  /** Before every name in Redis; empty for none. */
  readonly channelPrefix: string;
  readonly assertionSecret: string | undefined;
  readonly assertionSecretPrevious: string | undefined;
  readonly assertionPublicKey: string | undefined;
  /** What the path in an assertion counts for. */
  readonly assertionPath: AssertionPathRule;
  /** JSON; the built-in table when undefined. */
  readonly routesFile: string | undefined;
  /** Agreed to besides the bridge's own, for plain clients. */
  readonly subprotocols: readonly string[];
  readonly pingIntervalMs: number;
  readonly maxFrameBytes: number;
  readonly maxCommandBytes: number;
  readonly maxCommandValues: number;
  readonly maxRelayBytes: number;
  readonly maxOneWayFrameBytes: number;
  readonly maxFragments: number;
  readonly messageTimeoutMs: number;
  /** Connections that wait to be accepted. */
  readonly listenBacklog: number;
  /** Request line and headers. */
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerTenant: number;
  readonly maxConnectionsPerUser: number;
  readonly connectionLeaseMs: number;
  readonly maxSubscriptions: number;
  readonly maxMessagesPerSecond: number;
  readonly messageBurst: number;
  /** How many bytes clients may send. */
  readonly byteRates: ByteRates;
  readonly maxPendingMessages: number;
  readonly maxRelayBacklogBytes: number;
  readonly maxBufferBytes: number;
  readonly bufferTotalBytes: number;
  readonly bufferTenantBytes: number;
  /** How long frames are gathered for one write while the event loop is busy, at most; 0 for never. */
  readonly maxCoalesceMs: number;
  readonly maxSeenAssertions: number;
  readonly sessionTtlMs: number;
  readonly commandStream: string;
  readonly commandStreamMaxLength: number;
  readonly commandStreamMaxBytes: number;
  readonly commandTenantBytes: number;
  readonly commandTenantWindowMs: number;
  readonly handshakeTimeoutMs: number;
  readonly commandIdTtlMs: number;
  readonly maxCommandIds: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly drainMs: number;
  readonly ringMaxFrames: number;
  readonly ringMaxBytes: number;
  readonly ringTotalBytes: number;
  readonly ringTenantBytes: number;
  readonly lingerMs: number;
  readonly handoverTimeoutMs: number;
  readonly metricsMaxTenants: number;
  readonly headers: HeaderNames;
  readonly logLevel: LogLevel;
}

/** Settings that cannot be used. The message lists every bad variable; it never quotes a secret. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code = 'ERR_SETTINGS_INVALID';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`invalid settings:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** All settings, in the order in which `--help` lists them. */
export const SETTING_ROWS: readonly SettingRow[] = Object.values(TABLE);

const PREFIX = 'BRIDGE_';

/** So many tenants that use up their shares at once leave room for each other. */
const MIN_TENANTS_IN_STREAM = 4;

/** Variables of an environment that begin as settings do and are none. */
export function unknownSettings(
  env: Readonly<Record<string, string | undefined>>,
): readonly UnknownVariable[] {
  return unknownVariables(
    env,
    PREFIX,
    SETTING_ROWS.map(({ name }) => name),
  );
}

/**
 * Reads the settings from an environment. A variable that is unset or empty takes its default.
 * @returns a frozen object
 * @throws SettingsError that names every bad variable and what was expected
 */
export function parseSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const faults: string[] = [];
  const settings: Settings = {
    host: required(TABLE.host),
    port: required(TABLE.port),
    adminHost: required(TABLE.adminHost),
    adminPort: required(TABLE.adminPort),
    adminMaxConnections: required(TABLE.adminMaxConnections),
    adminTimeoutMs: required(TABLE.adminTimeoutMs),
    redisUrl: required(TABLE.redisUrl),
    redisTimeoutMs: required(TABLE.redisTimeoutMs),
    redisUsername: optional(TABLE.redisUsername),
    redisPassword: optional(TABLE.redisPassword),
    redisSentinelUsername: optional(TABLE.redisSentinelUsername),
    redisSentinelPassword: optional(TABLE.redisSentinelPassword),
    redisTlsCaFile: optional(TABLE.redisTlsCaFile),
    redisTlsCertFile: optional(TABLE.redisTlsCertFile),
    redisTlsKeyFile: optional(TABLE.redisTlsKeyFile),
    redisTlsServerName: optional(TABLE.redisTlsServerName),
    redisTopologyIntervalMs: required(TABLE.redisTopologyIntervalMs),
    channelPrefix: required(TABLE.channelPrefix),
    assertionSecret: optional(TABLE.assertionSecret),
    assertionSecretPrevious: optional(TABLE.assertionSecretPrevious),
    assertionPublicKey: optional(TABLE.assertionPublicKey),
    assertionPath: required(TABLE.assertionPath),
    routesFile: optional(TABLE.routesFile),
    subprotocols: required(TABLE.subprotocols),
    pingIntervalMs: required(TABLE.pingIntervalMs),
    maxFrameBytes: required(TABLE.maxFrameBytes),
    maxCommandBytes: required(TABLE.maxCommandBytes),
    maxCommandValues: required(TABLE.maxCommandValues),
    maxRelayBytes: required(TABLE.maxRelayBytes),
    maxOneWayFrameBytes: required(TABLE.maxOneWayFrameBytes),
    maxFragments: required(TABLE.maxFragments),
    messageTimeoutMs: required(TABLE.messageTimeoutMs),
    listenBacklog: required(TABLE.listenBacklog),
    maxHeaderBytes: required(TABLE.maxHeaderBytes),
    maxConnections: required(TABLE.maxConnections),
    maxConnectionsPerTenant: required(TABLE.maxConnectionsPerTenant),
    maxConnectionsPerUser: required(TABLE.maxConnectionsPerUser),
    connectionLeaseMs: required(TABLE.connectionLeaseMs),
    maxSubscriptions: required(TABLE.maxSubscriptions),
    maxMessagesPerSecond: required(TABLE.maxMessagesPerSecond),
    messageBurst: required(TABLE.messageBurst),
    byteRates: {
      commands: {
        socket: {
          perSecond: required(TABLE.commandBytesPerSecond),
          burst: required(TABLE.commandBytesBurst),
        },
        user: {
          perSecond: required(TABLE.userCommandBytesPerSecond),
          burst: required(TABLE.userCommandBytesBurst),
        },
        tenant: {
          perSecond: required(TABLE.tenantCommandBytesPerSecond),
          burst: required(TABLE.tenantCommandBytesBurst),
        },
      },
      relay: {
        socket: { perSecond: required(TABLE.relayBytesPerSecond), burst: required(TABLE.relayBytesBurst) },
        user: {
          perSecond: required(TABLE.userRelayBytesPerSecond),
          burst: required(TABLE.userRelayBytesBurst),
        },
        tenant: {
          perSecond: required(TABLE.tenantRelayBytesPerSecond),
          burst: required(TABLE.tenantRelayBytesBurst),
        },
      },
    },
    maxPendingMessages: required(TABLE.maxPendingMessages),
    maxRelayBacklogBytes: required(TABLE.maxRelayBacklogBytes),
    maxBufferBytes: required(TABLE.maxBufferBytes),
    bufferTotalBytes: required(TABLE.bufferTotalBytes),
    bufferTenantBytes: required(TABLE.bufferTenantBytes),
    maxCoalesceMs: required(TABLE.maxCoalesceMs),
    maxSeenAssertions: required(TABLE.maxSeenAssertions),
    sessionTtlMs: required(TABLE.sessionTtlMs),
    commandStream: required(TABLE.commandStream),
    commandStreamMaxLength: required(TABLE.commandStreamMaxLength),
    commandStreamMaxBytes: required(TABLE.commandStreamMaxBytes),
    commandTenantBytes: required(TABLE.commandTenantBytes),
    commandTenantWindowMs: required(TABLE.commandTenantWindowMs),
    handshakeTimeoutMs: required(TABLE.handshakeTimeoutMs),
    commandIdTtlMs: required(TABLE.commandIdTtlMs),
    maxCommandIds: required(TABLE.maxCommandIds),
    probeIntervalMs: required(TABLE.probeIntervalMs),
    probeTimeoutMs: required(TABLE.probeTimeoutMs),
    drainMs: required(TABLE.drainMs),
    ringMaxFrames: required(TABLE.ringMaxFrames),
    ringMaxBytes: required(TABLE.ringMaxBytes),
    ringTotalBytes: required(TABLE.ringTotalBytes),
    ringTenantBytes: required(TABLE.ringTenantBytes),
    lingerMs: required(TABLE.lingerMs),
    handoverTimeoutMs: required(TABLE.handoverTimeoutMs),
    metricsMaxTenants: required(TABLE.metricsMaxTenants),
    headers: Object.freeze({
      tenant: required(TABLE.tenantHeader),
      user: required(TABLE.userHeader),
      roles: required(TABLE.rolesHeader),
      requestId: required(TABLE.requestIdHeader),
      assertion: required(TABLE.assertionHeader),
    }),
    logLevel: required(TABLE.logLevel),
  };
  if (!given(TABLE.assertionSecret) && !given(TABLE.assertionPublicKey)) {
    faults.push(
      `BRIDGE_ASSERTION_SECRET or BRIDGE_ASSERTION_PUBLIC_KEY: expected at least one of the two, so that assertions can be verified`,
    );
  }
  faults.push(...sharedHeaderFaults(settings.headers), ...shareFaults(settings));
  if (faults.length > 0) {
    // One that is missing may be there under a name that is nearly right.
    throw new SettingsError([...faults, ...unknownSettings(env).map(unknownVariableText)]);
  }
  return Object.freeze(settings);

  function given(setting: SettingRow): boolean {
    return (env[setting.name] ?? '') !== '';
  }

  function optional<T>(setting: Row<T>): T | undefined {
    const value = given(setting) ? env[setting.name] : setting.default;
    if (value === undefined) return undefined;
    const read = setting.read(value);
    if (read === undefined) faults.push(`${setting.name}: ${faultOf(setting, value)}`);
    return read;
  }

  function required<T>(setting: Row<T>): T {
    // A bad value is in `faults` by now, so nobody sees this object.
    return optional(setting) as T;
  }
}

function faultOf<T>({ expected, faultOf: own }: Row<T>, value: string): string {
  if (isServiceAddress(value)) {
    return `expected ${expected}, got the address that Kubernetes sets for a Service of that name: give the Service another name, or its pods enableServiceLinks: false`;
  }
  return own?.(value) ?? `expected ${expected}`;
}

/** One tenant must not push out of the stream what others have added a moment ago. */
function shareFaults({ commandTenantBytes: share, commandStreamMaxBytes: all }: Settings): readonly string[] {
  const most = Math.floor(all / MIN_TENANTS_IN_STREAM);
  // A bad value is NaN or undefined here, and has a fault of its own.
  if (!(share > most)) return [];
  return [
    `${TABLE.commandTenantBytes.name}: expected at most a quarter of ${TABLE.commandStreamMaxBytes.name} (${most}), or 0 for any number, got ${share}`,
  ];
}

/** Two kinds of header under one name could not both be checked. */
function sharedHeaderFaults(headers: HeaderNames): readonly string[] {
  const names = Object.values(headers).map((name: string | undefined) => name?.toLowerCase());
  if (names.includes(undefined) || new Set(names).size === names.length) return [];
  return ['BRIDGE_*_HEADER: expected five different header names'];
}
