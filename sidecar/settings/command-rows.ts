import { integer, row } from './row';

/** Redis counts bytes in doubles; past this a quarter of a stream would be no whole number. */
const MAX_BYTES = 2 ** 40;

/** Sessions of the AI chat and the commands that they send. */
export const COMMAND_ROWS = {
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
  commandStreamMaxBytes: integer(
    'BRIDGE_COMMAND_STREAM_MAX_BYTES',
    64 * 1024 * 1024,
    [65_536, MAX_BYTES],
    'bytes',
    'about how much of Redis the stream takes: older commands go, read or not',
  ),
  commandTenantBytes: integer(
    'BRIDGE_COMMAND_TENANT_BYTES',
    8 * 1024 * 1024,
    [0, MAX_BYTES],
    'bytes',
    "a tenant may add at once to the stream, on all bridges together; at most a quarter of the stream's; 0 for any number",
  ),
  commandTenantWindowMs: integer(
    'BRIDGE_COMMAND_TENANT_WINDOW_MS',
    60_000,
    [1000, 86_400_000],
    'ms',
    'over which they are free again, so that a tenant may go on at that rate',
  ),
  maxCommandIds: integer(
    'BRIDGE_MAX_COMMAND_IDS',
    1000,
    [1, 10_000],
    'ids',
    'of a session are remembered: the latest ones; each costs Redis about 15 bytes, and a look at each',
  ),
  commandIdTtlMs: integer(
    'BRIDGE_COMMAND_ID_TTL_MS',
    3_600_000,
    [1000, Number.MAX_SAFE_INTEGER],
    'ms',
    "how long a bridge.v1 client's command id is remembered after the session's last command, so that none is run twice",
  ),
} as const;
