import { ASSERTION_ROWS, HEADER_ROWS } from './identity-rows';
import { BYTE_RATE_ROWS } from './byte-rate-rows';
import { COMMAND_ROWS } from './command-rows';
import { LIMIT_ROWS } from './limit-rows';
import { LOCK_ROWS } from './lock-rows';
import { LOG_LEVELS, readLogLevel } from '../../stdio/log-level';
import { PRESENCE_ROWS } from './presence-rows';
import { REDIS_ROWS } from './redis-rows';
import { RESUME_ROWS } from './resume-rows';
import { integer, MAX_TIMER_MS, optionalText, row, text } from './row';
import { readSubprotocols } from './subprotocol-list';
import { MAX_WORKERS, readWorkerCount, WORKER_COUNT_EXPECTED } from '../../workers/worker-count';

/** Every setting, in the order in which `--help` lists them. */
export const TABLE = {
  host: text('BRIDGE_HOST', '0.0.0.0', 'address for WebSocket connections'),
  port: integer('BRIDGE_PORT', 8080, [0, 65_535], undefined, 'port for WebSocket connections, 0 for any'),
  workers: row('BRIDGE_WORKERS', '1', WORKER_COUNT_EXPECTED, readWorkerCount, {
    description: `processes that share that port, 1 to ${MAX_WORKERS}, or auto for one a core; docs/configuration.md says of each setting whether they share it`,
  }),
  adminHost: text(
    'BRIDGE_ADMIN_HOST',
    '127.0.0.1',
    'address for /livez, /readyz and /metrics; the image sets 0.0.0.0, for who shares a network with the container',
  ),
  adminPort: integer('BRIDGE_ADMIN_PORT', 9090, [0, 65_535], undefined, 'port for them, 0 for any'),
  adminMaxConnections: integer(
    'BRIDGE_ADMIN_MAX_CONNECTIONS',
    64,
    [1, 65_535],
    'connections',
    'open at that port at a time; more are closed at once',
  ),
  adminTimeoutMs: integer(
    'BRIDGE_ADMIN_TIMEOUT_MS',
    5000,
    [1, MAX_TIMER_MS],
    'ms',
    'for a request at that port to be there whole; a connection on which none comes is closed as well',
  ),
  ...REDIS_ROWS,
  ...ASSERTION_ROWS,
  routesFile: optionalText(
    'BRIDGE_ROUTES_FILE',
    'JSON file that replaces the built-in route table: docs/routes.md',
  ),
  subprotocols: row(
    'BRIDGE_SUBPROTOCOLS',
    '',
    "subprotocol names of RFC 6455, with commas between them, none of them the bridge's own",
    readSubprotocols,
    { description: 'agreed to besides bridge.v1 and plain.v1 when a client offers one, for plain clients' },
  ),
  ...LIMIT_ROWS,
  byteRates: BYTE_RATE_ROWS,
  ...COMMAND_ROWS,
  handshakeTimeoutMs: integer(
    'BRIDGE_HANDSHAKE_TIMEOUT_MS',
    5000,
    [1, MAX_TIMER_MS],
    'ms',
    'an upgrade that is not decided by then is refused with 503; a request that is not there by then is cut',
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
  ...RESUME_ROWS,
  ...PRESENCE_ROWS,
  ...LOCK_ROWS,
  metricsMaxTenants: integer(
    'BRIDGE_METRICS_MAX_TENANTS',
    0,
    [0, 1000],
    'tenants',
    'with a label of their own in ws_bridge_tenant_connections at a time; 0 leaves that metric out',
  ),
  headers: HEADER_ROWS,
  logLevel: row('BRIDGE_LOG_LEVEL', 'info', `one of ${LOG_LEVELS.join(', ')}`, readLogLevel, {
    description: `least severe lines that are logged: ${LOG_LEVELS.join(', ')}`,
  }),
} as const;
