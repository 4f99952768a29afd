import { integer, MAX_TIMER_MS } from './row';

/** Frames in a ring, at most: more than that no setting allows. */
export const MAX_RING_FRAMES = 1_000_000;

/** The frames that are kept for bridge.v1 clients that come back. */
export const RESUME_ROWS = {
  ringMaxFrames: integer(
    'BRIDGE_RING_MAX_FRAMES',
    1024,
    [1, MAX_RING_FRAMES],
    'frames',
    'kept in each replay log for bridge.v1 clients that come back',
  ),
  ringMaxBytes: integer(
    'BRIDGE_RING_MAX_BYTES',
    1_048_576,
    [1, 2 ** 30],
    'bytes',
    'of frames kept in each replay log for them',
  ),
  ringTotalBytes: integer(
    'BRIDGE_RING_TOTAL_BYTES',
    268_435_456,
    [1, 2 ** 40],
    'bytes',
    'kept in all replay logs together, as they are allocated; past that those that linger without a socket drop theirs first',
  ),
  ringTenantBytes: integer(
    'BRIDGE_RING_TENANT_BYTES',
    67_108_864,
    [1, 2 ** 40],
    'bytes',
    "of them kept in one tenant's replay logs",
  ),
  lingerMs: integer(
    'BRIDGE_LINGER_MS',
    60_000,
    [0, MAX_TIMER_MS],
    'ms',
    'a replay log is kept, with its subscriptions, after its last bridge.v1 client left, also by a bridge that stops',
  ),
  handoverTimeoutMs: integer(
    'BRIDGE_HANDOVER_TIMEOUT_MS',
    2000,
    [1, MAX_TIMER_MS],
    'ms',
    'for another bridge to hand over the frames that a client missed; later the client is told of a gap',
  ),
} as const;
