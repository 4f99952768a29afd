import type { AfterClose } from '../../protocol/close-codes.ts';
import { backoffMs, type BackoffLimits } from './backoff.ts';

/** Where a client stands. */
export type ConnectionState =
  /** The first connection is being opened. */
  | 'connecting'
  /** Frames arrive. A connection that will take over may be in the making. */
  | 'open'
  /** The connection was lost; the next is being opened or waited for. */
  | 'reconnecting'
  /** For good: by `close()`, by a close code that says so, or after `maxAttempts`. */
  | 'closed';

/** All that decides whether a connection should be opened, and when. */
export interface State {
  readonly status: ConnectionState;
  /** The next connection: in the making (the first, another, or one that takes over), due at a time, or none. */
  readonly next: 'opening' | number | undefined;
  /** Attempts in a row since a connection was stable. */
  readonly attempts: number;
  /** Attempts in a row that failed since a connection was open. */
  readonly failures: number;
  readonly openedAtMs: number | undefined;
  /** A hint: a page that is told to be offline may well reach the gateway. */
  readonly online: boolean;
}

/** How a connection ended. */
export interface Loss {
  readonly then: AfterClose;
  /** How long the peer asks to wait. */
  readonly retryAfterMs?: number | undefined;
}

/** An event. */
export type StateEvent =
  /** The connection in the making is ready and takes over. */
  | { readonly type: 'ready' }
  /** The connection that was open is gone. */
  | ({ readonly type: 'lost' } & Loss)
  /** The connection in the making did not become ready. */
  | ({ readonly type: 'failed' } & Loss)
  /** The open connection should be replaced before it ends. */
  | { readonly type: 'renew' }
  /** The delay is over. */
  | { readonly type: 'retry' }
  /** The application wants another connection at once. */
  | { readonly type: 'reconnect' }
  | { readonly type: 'online' }
  | { readonly type: 'offline' }
  /** The tab can be seen again. */
  | { readonly type: 'visible' }
  | { readonly type: 'close' };

/** The facts that the reducer needs besides the event. */
export interface StateContext extends BackoffLimits {
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: number;
  /** A connection that lasted this long ends the count of attempts. */
  readonly stableMs: number;
  /** The least delay while the page is told to be offline. */
  readonly offlineRetryMs: number;
  /** The most that a peer can make the next attempt wait. */
  readonly retryAfterCapMs: number;
  /** So many failed attempts in a row without an open connection end it. */
  readonly maxAttempts: number;
}

/** The state of a client that was just made. */
export function initialState(online: boolean): State {
  return {
    status: 'connecting',
    next: 'opening',
    attempts: 0,
    failures: 0,
    openedAtMs: undefined,
    online,
  };
}

/** The state after an event. Nothing leads out of `closed`. */
export function reduce(state: State, event: StateEvent, context: StateContext): State {
  if (state.status === 'closed') return state;
  switch (event.type) {
    case 'ready':
      return {
        ...settle(state, context),
        status: 'open',
        next: undefined,
        failures: 0,
        openedAtMs: context.nowMs,
      };
    case 'lost':
      return lost(settle(state, context), event, context);
    case 'failed':
      return failed({ ...state, failures: state.failures + 1 }, event, context);
    case 'renew':
      return isWaiting(state) ? state : attempt(settle(state, context));
    case 'retry':
      return attempt(state);
    case 'reconnect':
      return attempt({ ...state, attempts: 0, failures: 0 });
    case 'online':
      // All that share a network are told so in one moment. One in the making was begun on a network that was not there.
      return {
        ...state,
        online: true,
        next: context.nowMs + backoffMs('reconnect', 0, context.random, context),
      };
    case 'offline':
      return { ...state, online: false };
    case 'visible':
      return isWaiting(state) ? attempt(state) : state;
    case 'close':
      return closed(state);
  }
}

function lost(state: State, loss: Loss, context: StateContext): State {
  const next: State = { ...state, status: 'reconnecting', failures: 0, openedAtMs: undefined };
  return state.next === 'opening' && loss.then !== 'stop' ? next : comeBack(next, loss, context);
}

function failed(state: State, loss: Loss, context: StateContext): State {
  const isHopeless = state.status !== 'open' && state.failures >= context.maxAttempts;
  return isHopeless ? closed(state) : comeBack(state, loss, context);
}

function comeBack(state: State, { then, retryAfterMs = 0 }: Loss, context: StateContext): State {
  if (then === 'stop') return closed(state);
  const askedMs = Math.min(retryAfterMs, context.retryAfterCapMs);
  const leastMs = Math.max(askedMs, state.online ? 0 : context.offlineRetryMs);
  // Added, so that those who were told the same delay spread out.
  const delayMs = leastMs + backoffMs(then, state.attempts, context.random, context);
  return { ...state, next: context.nowMs + delayMs, attempts: state.attempts + 1 };
}

function attempt(state: State): State {
  return { ...state, next: 'opening' };
}

function isWaiting(state: State): boolean {
  return typeof state.next === 'number';
}

function settle(state: State, { nowMs, stableMs }: StateContext): State {
  const stable = state.openedAtMs !== undefined && nowMs - state.openedAtMs >= stableMs;
  return stable ? { ...state, attempts: 0 } : state;
}

function closed(state: State): State {
  return { ...state, status: 'closed', next: undefined, openedAtMs: undefined };
}
