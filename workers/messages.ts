import type { Registry } from 'prom-client';

/** A registry's metrics, as one process hands them to another. */
export type MetricsSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** A message between a primary and its worker. A program has further ones beside those here. */
export interface Message {
  readonly type: string;
}

/** A message from any worker to its primary. */
export type FromAnyWorker =
  /** It takes connections, on this port if it is one. */
  | { readonly type: 'ready'; readonly port: number | undefined }
  /** It cannot start, and ends. */
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'answer'; readonly ask: number; readonly value: unknown };

/** A message from the primary to any worker. */
export interface ToAnyWorker {
  readonly type: 'ask';
  readonly ask: number;
  readonly question: string;
}

/** The question of every program. Its answer is a {@link MetricsSnapshot}. */
export const METRICS = 'metrics';
/** The question that only has to be answered. */
export const SIGN_OF_LIFE = 'sign of life';
