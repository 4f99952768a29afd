import type { ReplayVerdict } from '../handshake/replay-guard';

/** The environment variable in which the primary tells a worker its number. */
export const WORKER_VARIABLE = 'WS_BRIDGE_WORKER';

/** A message from a worker to its primary: may these assertions be accepted, each with its id and when it ends. */
export interface ToPrimary {
  readonly type: 'accept';
  readonly ask: number;
  readonly assertions: readonly (readonly [id: string, endsAt: number])[];
}

/** A message from the primary to a worker. */
export type ToWorker =
  /** The answer to `accept`, in its order. */
  | { readonly type: 'accepted'; readonly ask: number; readonly verdicts: readonly ReplayVerdict[] }
  /** End gently, or at once: as one process does on SIGTERM, and on SIGINT. */
  | { readonly type: 'drain' }
  | { readonly type: 'close' };

/** The primary asks: which parts of the worker are ready? */
export const READINESS = 'readiness';
/** The primary asks: close the traffic port. Answered when it is. */
export const RETIRE = 'retire';
