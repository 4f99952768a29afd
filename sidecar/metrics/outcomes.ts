import { BRIDGE_REFUSALS, type BridgeOutcome } from '../../protocol/refusals';
import type { GapReason } from '../../protocol/frames';

/** The outcome of a handover. */
export type HandoverOutcome = 'done' | 'failed' | GapReason;

/** Which bound was passed: of the bytes of a tenant or of all, or that of the channels. */
export const RING_BOUNDS = ['tenant', 'total', 'subscriptions'] as const;
export type RingBound = (typeof RING_BOUNDS)[number];

/** Whose frames went: of a stream that lingers without a socket, or of one that has some. */
export const RING_VICTIMS = ['lingering', 'open'] as const;
export type RingVictim = (typeof RING_VICTIMS)[number];

/** Which bound too much waits by: the socket's own, its tenant's, or that of all together. */
export const UNSENT_BOUNDS = ['socket', 'tenant', 'total'] as const;
export type UnsentBound = (typeof UNSENT_BOUNDS)[number];

/** How a client is connected: by a WebSocket, or by an event stream. */
export const TRANSPORTS = ['websocket', 'http'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** The outcome of a request for a connection, as its log line and its counter name it. */
export type UpgradeOutcome = BridgeOutcome | 'admitted' | 'client_gone';
export const UPGRADE_OUTCOMES: readonly UpgradeOutcome[] = [
  ...(Object.keys(BRIDGE_REFUSALS) as BridgeOutcome[]),
  'admitted',
  'client_gone',
];

/** The outcome of a message that came by POST. */
export type PostOutcome = BridgeOutcome | 'taken';
export const POST_OUTCOMES: readonly PostOutcome[] = [
  ...(Object.keys(BRIDGE_REFUSALS) as BridgeOutcome[]),
  'taken',
];

/** The outcome of a probe of delivery: heard, published and not heard, or not even published. */
export const PROBE_OUTCOMES = ['heard', 'silent', 'unsent'] as const;
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];

/**
 * The outcome of a command: taken over, known already by its id, over its tenant's share, or not confirmed by Redis.
 */
export const COMMAND_OUTCOMES = ['added', 'repeated', 'over_share', 'unconfirmed'] as const;
export type CommandOutcome = (typeof COMMAND_OUTCOMES)[number];

/** The outcome of a message to a route's other peers. */
export const RELAY_OUTCOMES = ['published', 'unconfirmed'] as const;
export type RelayOutcome = (typeof RELAY_OUTCOMES)[number];

/** The end of a client that does not take its frames: it is closed with 4408, or newer frames replace older ones. */
export const SLOW_CONSUMER_ACTIONS = ['closed', 'replaced'] as const;
export type SlowConsumerAction = (typeof SLOW_CONSUMER_ACTIONS)[number];

/** Why bytes of clients' messages are refused: all but `over_share` before they are looked at. */
export const REFUSED_BYTES = [
  'message_rate',
  'socket_bytes',
  'user_bytes',
  'tenant_bytes',
  'over_share',
  'read_only',
] as const;
export type RefusedBytes = (typeof REFUSED_BYTES)[number];

/**
 * The outcome of reading a channel's history for a replay log: it counts as the history does from now on, has caught up with what
 * it missed, had counted something else and its clients were told of a gap, or could not be read.
 */
export const HISTORY_OUTCOMES = ['followed', 'caught_up', 'recounted', 'failed'] as const;
export type HistoryOutcome = (typeof HISTORY_OUTCOMES)[number];

/**
 * The outcome of looking for a channel's state for a socket: sent, not there, or left out. It was left out for a newer frame that
 * came meanwhile, for its size, because it is reserved text, or because it could not be read.
 */
export const STATE_OUTCOMES = ['sent', 'absent', 'superseded', 'too_large', 'reserved', 'unread'] as const;
export type StateOutcome = (typeof STATE_OUTCOMES)[number];

/** An order of a service about open sockets, by its type. */
export const ORDER_NAMES = ['revoke', 'reauthorize'] as const;
export type OrderName = (typeof ORDER_NAMES)[number];

/**
 * The outcome of telling services who listens: a topic got its first listener or has none any more, its first one was put off because
 * its tenant is over its share, or Redis did not take a call.
 */
export const PRESENCE_OUTCOMES = ['joined', 'left', 'deferred', 'failed'] as const;
export type PresenceOutcome = (typeof PRESENCE_OUTCOMES)[number];

/**
 * The outcome of a lock: granted, moved to its holder's next socket, refused because another holds it or over a limit, or not confirmed
 * by Redis. Later freed, left by its holder's socket for a while, or lost.
 */
export const LOCK_OUTCOMES = [
  'granted',
  'resumed',
  'held',
  'limited',
  'unconfirmed',
  'freed',
  'left',
  'lost',
] as const;
export type LockOutcome = (typeof LOCK_OUTCOMES)[number];
