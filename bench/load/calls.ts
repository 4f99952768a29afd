import type { ClientPlan } from './client';
import type { Counts, Window } from './tally';

/** How fast clients connect: so many at once, each next one when another is done; or so many a second, whatever they meet. */
export type Pace = { readonly atOnce: number } | { readonly perSecond: number };

/** Clients that are to connect. */
export type OpenRequest = { readonly clients: readonly ClientPlan[] } & Pace;

/** The outcome for them. */
export interface Opened {
  readonly open: number;
  /** From the first connect to the last that was ready. */
  readonly seconds: number;
  /** From connecting to being ready, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Why some are not, each reason once. */
  readonly refusals: readonly string[];
}

/** The calls of the load process. */
export interface LoadCalls {
  open(request: OpenRequest): Promise<Opened>;
  watch(window: Window): Promise<void>;
  /** Waits until nothing has come for `quietMs`, `mostMs` at most. */
  settle(limits: { readonly quietMs: number; readonly mostMs: number }): Promise<void>;
  /** @param published how many messages each socket should have got by now, in the order in which they were opened */
  count(published: readonly number[]): Promise<Counts>;
  /** Cuts every connection. */
  leave(nothing: undefined): Promise<void>;
}
