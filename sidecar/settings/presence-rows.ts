import { integer, MAX_TIMER_MS } from './row';

/** How services hear of listeners. */
export const PRESENCE_ROWS = {
  presenceLingerMs: integer(
    'BRIDGE_PRESENCE_LINGER_MS',
    10_000,
    [1000, MAX_TIMER_MS],
    'ms',
    'that the last listener of a topic has to be gone before services are told (`presence` of a route)',
  ),
  presenceStreamMaxLength: integer(
    'BRIDGE_PRESENCE_STREAM_MAX_LENGTH',
    20_000,
    [8, 10_000_000],
    'entries',
    'about how many the stream of presence keeps; an entry has 2 KiB at most, and a tenth of that as a rule',
  ),
  presenceTenantJoins: integer(
    'BRIDGE_PRESENCE_TENANT_JOINS',
    2000,
    [0, 10_000_000],
    'topics',
    "of a tenant that may get their first listener at once, on all bridges together, free again within a minute; later ones are told then. At most an eighth of the stream's entries; 0 for any number",
  ),
} as const;
