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
  /** For good: by `close()`, or by a close code that says so. */
  | 'closed';

/** All that decides whether a connection should be opened, and when. */
export interface State {
  readonly status: ConnectionState;
  /** The next connection: in the making (the first, another, or one that takes over), due at a time, or none. */
  readonly next: 'opening' | number | undefined;
  /** Attempts in a row since a connection was stable. */
  readonly attempts: number;
  readonly openedAtMs: number | undefined;
  readonly online: boolean;
}

/** What happened. */
export type StateEvent =
  /** The connection in the making is ready and takes over. */
  | { readonly type: 'ready' }
  /** The connection that was open is gone. */
  | { readonly type: 'lost'; readonly then: AfterClose }
  /** The connection in the making did not become ready. */
  | { readonly type: 'failed'; readonly then: AfterClose }
  /** The open connection should be replaced before it ends. */
  | { readonly type: 'renew' }
  /** The delay is over. */
  | { readonly type: 'retry' }
  | { readonly type: 'online' }
  | { readonly type: 'offline' }
  /** The tab can be seen again. */
  | { readonly type: 'visible' }
  | { readonly type: 'close' };

/** What the reducer needs to know besides. */
export interface StateContext extends BackoffLimits {
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: number;
  /** A connection that lasted this long ends the count of attempts. */
  readonly stableMs: number;
}

/** The state of a client that was just made. */
export function initialState(online: boolean): State {
  return {
    status: 'connecting',
    next: online ? 'opening' : undefined,
    attempts: 0,
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
        openedAtMs: context.nowMs,
      };
    case 'lost':
      return lost(settle(state, context), event.then, context);
    case 'failed':
      return comeBack(state, event.then, context);
    case 'renew':
      return isWaiting(state) ? state : attempt(settle(state, context));
    case 'retry':
      return attempt(state);
    case 'online':
      return attempt({ ...state, online: true });
    case 'offline':
      return { ...state, online: false, next: undefined };
    case 'visible':
      return isWaiting(state) ? attempt(state) : state;
    case 'close':
      return closed(state);
  }
}

function lost(state: State, then: AfterClose, context: StateContext): State {
  const next: State = { ...state, status: 'reconnecting', openedAtMs: undefined };
  return state.next === 'opening' && then !== 'stop' ? next : comeBack(next, then, context);
}

function comeBack(state: State, then: AfterClose, context: StateContext): State {
  if (then === 'stop') return closed(state);
  if (!state.online) return { ...state, next: undefined };
  const delayMs = backoffMs(then, state.attempts, context.random, context);
  return { ...state, next: context.nowMs + delayMs, attempts: state.attempts + 1 };
}

function attempt(state: State): State {
  return state.online ? { ...state, next: 'opening' } : state;
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
