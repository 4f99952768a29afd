import { DEFAULT_HEADER_NAMES, type HeaderNames } from '../protocol/headers';
import { parseRedisUrl, REDIS_URL_FORMS } from './redis-url';
import { KeyError, MIN_SECRET_BYTES, parsePublicKey } from '../protocol/keys';

/** Log levels, from silent to the most talkative (pino's names). */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Everything an operator can set, read from the environment by {@link parseSettings}. */
export interface Settings {
  readonly host: string;
  /** 0 takes any free port; the log line "listening" says which. */
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
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
  readonly assertionSecret: string | undefined;
  readonly assertionSecretPrevious: string | undefined;
  readonly assertionPublicKey: string | undefined;
  /** JSON; the built-in table when undefined. */
  readonly routesFile: string | undefined;
  readonly pingIntervalMs: number;
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerTenant: number;
  readonly maxConnectionsPerUser: number;
  readonly connectionLeaseMs: number;
  readonly maxSubscriptions: number;
  readonly maxMessagesPerSecond: number;
  readonly messageBurst: number;
  readonly maxPendingMessages: number;
  readonly maxBufferBytes: number;
  /** How long frames are gathered for one write while the event loop is busy, at most; 0 for never. */
  readonly maxCoalesceMs: number;
  readonly maxSeenAssertions: number;
  readonly sessionTtlMs: number;
  readonly commandStream: string;
  readonly commandStreamMaxLength: number;
  readonly handshakeTimeoutMs: number;
  readonly commandIdTtlMs: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly drainMs: number;
  readonly ringMaxFrames: number;
  readonly ringMaxBytes: number;
  readonly lingerMs: number;
  readonly handoverTimeoutMs: number;
  readonly metricsMaxTenants: number;
  readonly headers: HeaderNames;
  readonly logLevel: LogLevel;
}

/** One environment variable: how it is read, and what `--help` says of it. */
export interface SettingRow {
  readonly name: string;
  /** Its default as `--help` shows it; undefined when there is none. */
  readonly default: string | undefined;
  readonly unit: string | undefined;
  readonly description: string;
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

interface Row<T> extends SettingRow {
  /** What a value must be, for the error message. */
  readonly expected: string;
  /** Undefined when the text is not what was expected. */
  readonly read: (text: string) => T | undefined;
}

/** Frames in a ring, at most: more than that no setting allows. */
export const MAX_RING_FRAMES = 1_000_000;

const MAX_TIMER_MS = 2 ** 31 - 1;

const TABLE = {
  host: text('BRIDGE_HOST', '0.0.0.0', 'address for WebSocket connections'),
  port: integer('BRIDGE_PORT', 8080, [0, 65_535], undefined, 'port for WebSocket connections, 0 for any'),
  adminHost: text('BRIDGE_ADMIN_HOST', '0.0.0.0', 'address for /livez, /readyz and /metrics'),
  adminPort: integer('BRIDGE_ADMIN_PORT', 9090, [0, 65_535], undefined, 'port for them, 0 for any'),
  redisUrl: row('REDIS_URL', 'redis://127.0.0.1:6379', REDIS_URL_FORMS, readRedisUrl, {
    description: `where services publish and commands go: ${REDIS_URL_FORMS}`,
  }),
  redisTimeoutMs: integer(
    'BRIDGE_REDIS_TIMEOUT_MS',
    1000,
    [1, MAX_TIMER_MS],
    'ms',
    'a command that Redis has not answered by then counts as Redis unreachable',
  ),
  redisUsername: optionalText('BRIDGE_REDIS_USERNAME', 'ACL user, for a REDIS_URL that names none'),
  redisPassword: optionalText('BRIDGE_REDIS_PASSWORD', 'password, for a REDIS_URL that has none'),
  redisSentinelUsername: optionalText('BRIDGE_REDIS_SENTINEL_USERNAME', 'ACL user of the sentinels'),
  redisSentinelPassword: optionalText('BRIDGE_REDIS_SENTINEL_PASSWORD', 'password of the sentinels'),
  redisTlsCaFile: optionalText(
    'BRIDGE_REDIS_TLS_CA_FILE',
    "PEM file with the authorities that sign Redis's certificates; Node's own list by default",
  ),
  redisTlsCertFile: optionalText(
    'BRIDGE_REDIS_TLS_CERT_FILE',
    "PEM file with the bridge's own certificate, which Redis asks for unless tls-auth-clients is off",
  ),
  redisTlsKeyFile: optionalText('BRIDGE_REDIS_TLS_KEY_FILE', 'PEM file with its private key'),
  redisTlsServerName: optionalText(
    'BRIDGE_REDIS_TLS_SERVER_NAME',
    "name that Redis's certificates are for; the host that is connected to by default",
  ),
  redisTopologyIntervalMs: integer(
    'BRIDGE_REDIS_TOPOLOGY_INTERVAL_MS',
    5000,
    [100, MAX_TIMER_MS],
    'ms',
    'between looks at which master of a cluster serves which slots; whenever something is lost it is looked at at once',
  ),
  assertionSecret: secret(
    'BRIDGE_ASSERTION_SECRET',
    'secret shared with the gatekeeper (HS256); this or BRIDGE_ASSERTION_PUBLIC_KEY is required',
  ),
  assertionSecretPrevious: secret(
    'BRIDGE_ASSERTION_SECRET_PREVIOUS',
    'also accepted, while the secret is being rotated',
  ),
  assertionPublicKey: row('BRIDGE_ASSERTION_PUBLIC_KEY', undefined, 'a public key in PEM or JWK', readKey, {
    description: "the gatekeeper's public key, in PEM or JWK",
  }),
  routesFile: optionalText('BRIDGE_ROUTES_FILE', 'JSON file that replaces the built-in route table'),
  pingIntervalMs: integer(
    'BRIDGE_PING_INTERVAL_MS',
    30_000,
    [1, MAX_TIMER_MS],
    'ms',
    'between pings; a socket that has not answered by the next one is cut',
  ),
  maxFrameBytes: integer(
    'BRIDGE_MAX_FRAME_BYTES',
    1_048_576,
    [1, 2 ** 30],
    'bytes',
    'largest message from a client; a larger one closes its socket with 1009',
  ),
  maxConnections: integer(
    'BRIDGE_MAX_CONNECTIONS',
    50_000,
    [0, 10_000_000],
    'connections',
    'open on this bridge; when full, upgrades are refused with 503; 0 for any number',
  ),
  maxConnectionsPerTenant: integer(
    'BRIDGE_MAX_CONNECTIONS_PER_TENANT',
    10_000,
    [0, 10_000_000],
    'connections',
    'open of one tenant on all bridges together; more are refused with 429; 0 for any number',
  ),
  maxConnectionsPerUser: integer(
    'BRIDGE_MAX_CONNECTIONS_PER_USER',
    100,
    [0, 10_000_000],
    'connections',
    "open of one tenant's user on all bridges together; more are refused with 429; 0 for any number",
  ),
  connectionLeaseMs: integer(
    'BRIDGE_CONNECTION_LEASE_MS',
    30_000,
    [100, MAX_TIMER_MS],
    'ms',
    'what a bridge that died held counts against a tenant and a user so long at most',
  ),
  maxSubscriptions: integer(
    'BRIDGE_MAX_SUBSCRIPTIONS',
    100_000,
    [0, 10_000_000],
    'channels',
    'subscribed by this bridge; an upgrade that needs one more is refused with 503; 0 for any number',
  ),
  maxMessagesPerSecond: integer(
    'BRIDGE_MAX_MESSAGES_PER_SECOND',
    100,
    [0, 100_000],
    'messages',
    'that a client may send a second, pings and pongs among them; 0 for any number',
  ),
  messageBurst: integer(
    'BRIDGE_MESSAGE_BURST',
    200,
    [1, 1_000_000],
    'messages',
    'that it may send at once; after as many refused ones, forgiven over 10 s, its socket is closed with 4429',
  ),
  maxPendingMessages: integer(
    'BRIDGE_MAX_PENDING_MESSAGES',
    16,
    [1, 1_000_000],
    'messages',
    'a socket with so many messages on their way to Redis is not read from',
  ),
  maxBufferBytes: integer(
    'BRIDGE_MAX_BUFFER_BYTES',
    1_048_576,
    [1, 2 ** 30],
    'bytes',
    "that a client has not taken yet; past that its route's slow-consumer policy acts: closed with 4408, or left with the latest",
  ),
  maxCoalesceMs: integer(
    'BRIDGE_MAX_COALESCE_MS',
    16,
    [0, 1000],
    'ms',
    'that frames are gathered for one write a socket while the event loop is busy; 0 for never',
  ),
  maxSeenAssertions: integer(
    'BRIDGE_MAX_SEEN_ASSERTIONS',
    200_000,
    [1, 10_000_000],
    'assertions',
    'remembered so that each is accepted once; when full, upgrades are refused with 503',
  ),
  sessionTtlMs: integer(
    'BRIDGE_SESSION_TTL_MS',
    86_400_000,
    [1000, Number.MAX_SAFE_INTEGER],
    'ms',
    'how long an unused AI chat session keeps its owner',
  ),
  commandStream: row(
    'BRIDGE_COMMAND_STREAM',
    'ai:commands',
    'text without braces, except for one hash tag',
    (value) => (/^[^{}]*(\{[^{}]+\}[^{}]*)?$/.test(value) ? value : undefined),
    { description: 'Redis Stream that commands are added to' },
  ),
  commandStreamMaxLength: integer(
    'BRIDGE_COMMAND_STREAM_MAX_LENGTH',
    100_000,
    [1, Number.MAX_SAFE_INTEGER],
    'entries',
    'about how many commands the stream keeps',
  ),
  handshakeTimeoutMs: integer(
    'BRIDGE_HANDSHAKE_TIMEOUT_MS',
    5000,
    [1, MAX_TIMER_MS],
    'ms',
    'an upgrade that is not decided by then is refused with 503; a request that is not there by then is cut',
  ),
  commandIdTtlMs: integer(
    'BRIDGE_COMMAND_ID_TTL_MS',
    3_600_000,
    [1000, Number.MAX_SAFE_INTEGER],
    'ms',
    "how long a bridge.v1 client's command id is remembered, so that the command is not run twice",
  ),
  probeIntervalMs: integer(
    'BRIDGE_PROBE_INTERVAL_MS',
    5000,
    [1, MAX_TIMER_MS],
    'ms',
    'between probes that publish and must be heard on the subscribed connection',
  ),
  probeTimeoutMs: integer(
    'BRIDGE_PROBE_TIMEOUT_MS',
    2000,
    [1, MAX_TIMER_MS],
    'ms',
    'a probe not heard by then means a dead subscription, which is opened anew',
  ),
  drainMs: integer(
    'BRIDGE_DRAIN_MS',
    30_000,
    [0, MAX_TIMER_MS],
    'ms',
    'over which sockets are closed on SIGTERM; SIGINT closes them at once',
  ),
  ringMaxFrames: integer(
    'BRIDGE_RING_MAX_FRAMES',
    1024,
    [1, MAX_RING_FRAMES],
    'frames',
    'kept of each stream for bridge.v1 clients that come back',
  ),
  ringMaxBytes: integer(
    'BRIDGE_RING_MAX_BYTES',
    1_048_576,
    [1, 2 ** 30],
    'bytes',
    'of frames kept of each stream for them',
  ),
  lingerMs: integer(
    'BRIDGE_LINGER_MS',
    60_000,
    [0, MAX_TIMER_MS],
    'ms',
    'a stream is kept, with its subscriptions, after its last bridge.v1 client left, also by a bridge that stops',
  ),
  handoverTimeoutMs: integer(
    'BRIDGE_HANDOVER_TIMEOUT_MS',
    2000,
    [1, MAX_TIMER_MS],
    'ms',
    'for another bridge to hand over what a client missed; later the client is told of a gap',
  ),
  metricsMaxTenants: integer(
    'BRIDGE_METRICS_MAX_TENANTS',
    0,
    [0, 1000],
    'tenants',
    'with a label of their own in ws_bridge_tenant_connections at a time; 0 leaves that metric out',
  ),
  tenantHeader: header('BRIDGE_TENANT_HEADER', DEFAULT_HEADER_NAMES.tenant, 'header with the tenant'),
  userHeader: header('BRIDGE_USER_HEADER', DEFAULT_HEADER_NAMES.user, 'header with the user'),
  rolesHeader: header('BRIDGE_ROLES_HEADER', DEFAULT_HEADER_NAMES.roles, 'header with the roles'),
  requestIdHeader: header(
    'BRIDGE_REQUEST_ID_HEADER',
    DEFAULT_HEADER_NAMES.requestId,
    'header with the request id',
  ),
  assertionHeader: header(
    'BRIDGE_ASSERTION_HEADER',
    DEFAULT_HEADER_NAMES.assertion,
    'header with the signed assertion',
  ),
  logLevel: row('BRIDGE_LOG_LEVEL', 'info', `one of ${LOG_LEVELS.join(', ')}`, readLogLevel, {
    description: `least severe lines that are logged: ${LOG_LEVELS.join(', ')}`,
  }),
} as const;

/** All settings, in the order in which `--help` lists them. */
export const SETTING_ROWS: readonly SettingRow[] = Object.values(TABLE);

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
    assertionSecret: optional(TABLE.assertionSecret),
    assertionSecretPrevious: optional(TABLE.assertionSecretPrevious),
    assertionPublicKey: optional(TABLE.assertionPublicKey),
    routesFile: optional(TABLE.routesFile),
    pingIntervalMs: required(TABLE.pingIntervalMs),
    maxFrameBytes: required(TABLE.maxFrameBytes),
    maxConnections: required(TABLE.maxConnections),
    maxConnectionsPerTenant: required(TABLE.maxConnectionsPerTenant),
    maxConnectionsPerUser: required(TABLE.maxConnectionsPerUser),
    connectionLeaseMs: required(TABLE.connectionLeaseMs),
    maxSubscriptions: required(TABLE.maxSubscriptions),
    maxMessagesPerSecond: required(TABLE.maxMessagesPerSecond),
    messageBurst: required(TABLE.messageBurst),
    maxPendingMessages: required(TABLE.maxPendingMessages),
    maxBufferBytes: required(TABLE.maxBufferBytes),
    maxCoalesceMs: required(TABLE.maxCoalesceMs),
    maxSeenAssertions: required(TABLE.maxSeenAssertions),
    sessionTtlMs: required(TABLE.sessionTtlMs),
    commandStream: required(TABLE.commandStream),
    commandStreamMaxLength: required(TABLE.commandStreamMaxLength),
    handshakeTimeoutMs: required(TABLE.handshakeTimeoutMs),
    commandIdTtlMs: required(TABLE.commandIdTtlMs),
    probeIntervalMs: required(TABLE.probeIntervalMs),
    probeTimeoutMs: required(TABLE.probeTimeoutMs),
    drainMs: required(TABLE.drainMs),
    ringMaxFrames: required(TABLE.ringMaxFrames),
    ringMaxBytes: required(TABLE.ringMaxBytes),
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
  faults.push(...sharedHeaderFaults(settings.headers));
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze(settings);

  function given(setting: SettingRow): boolean {
    return (env[setting.name] ?? '') !== '';
  }

  function optional<T>(setting: Row<T>): T | undefined {
    const value = given(setting) ? env[setting.name] : setting.default;
    if (value === undefined) return undefined;
    const read = setting.read(value);
    if (read === undefined) faults.push(`${setting.name}: expected ${setting.expected}`);
    return read;
  }

  function required<T>(setting: Row<T>): T {
    // A bad value is in `faults` by now, so nobody sees this object.
    return optional(setting) as T;
  }
}

/** Two kinds of header under one name could not both be checked. */
function sharedHeaderFaults(headers: HeaderNames): readonly string[] {
  const names = Object.values(headers).map((name: string | undefined) => name?.toLowerCase());
  if (names.includes(undefined) || new Set(names).size === names.length) return [];
  return ['BRIDGE_*_HEADER: expected five different header names'];
}

function row<T>(
  name: string,
  fallback: string | undefined,
  expected: string,
  read: (text: string) => T | undefined,
  more: { description: string; unit?: string },
): Row<T> {
  return { name, default: fallback, expected, read, unit: more.unit, description: more.description };
}

function text(name: string, fallback: string, description: string): Row<string> {
  return row(name, fallback, 'text', (value) => value, { description });
}

function optionalText(name: string, description: string): Row<string> {
  return row(name, undefined, 'text', (value) => value, { description });
}

function secret(name: string, description: string): Row<string> {
  const read = (value: string): string | undefined =>
    Buffer.byteLength(value) >= MIN_SECRET_BYTES ? value : undefined;
  return row(name, undefined, `at least ${MIN_SECRET_BYTES} bytes`, read, { description });
}

function header(name: string, fallback: string, description: string): Row<string> {
  // RFC 9110 §5.6.2: a field name is a token.
  const read = (value: string): string | undefined =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value) ? value : undefined;
  return row(name, fallback, 'an HTTP header name', read, { description });
}

function integer(
  name: string,
  fallback: number,
  [min, max]: readonly [number, number],
  unit: string | undefined,
  description: string,
): Row<number> {
  const read = (value: string): number | undefined => {
    const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : undefined;
  };
  const expected = `a whole number from ${min} to ${max}`;
  return row(
    name,
    `${fallback}`,
    expected,
    read,
    unit === undefined ? { description } : { description, unit },
  );
}

function readRedisUrl(value: string): string | undefined {
  return parseRedisUrl(value) === undefined ? undefined : value;
}

function readKey(value: string): string | undefined {
  try {
    parsePublicKey(value);
    return value;
  } catch (error) {
    if (error instanceof KeyError) return undefined;
    throw error;
  }
}

function readLogLevel(value: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === value);
}
