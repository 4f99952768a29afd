import { integer, row } from './row';

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
  commandIdTtlMs: integer(
    'BRIDGE_COMMAND_ID_TTL_MS',
    3_600_000,
    [1000, Number.MAX_SAFE_INTEGER],
    'ms',
    "how long a bridge.v1 client's command id is remembered, so that the command is not run twice",
  ),
} as const;
