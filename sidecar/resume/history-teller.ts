import type { Logger } from 'pino';
import { ToldReasons } from '../../redis/told-reasons';
import type { HistoryPlace } from '../history/history-store';
import type { Metrics } from '../metrics/metrics';
import type { HistoryOutcome } from '../metrics/outcomes';

/** The outcomes of reading histories are told with these. */
export interface HistoryTellerContext {
  readonly metrics: Pick<Metrics, 'ofRoute'>;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** In the place of a reason. */
const DIFFERENT = 'different';

/**
 * Counts what came of reading histories. Logs once a route that one differs from what was heard of its channel, and each new reason
 * why one could not be read: after a failover all of them may differ at once.
 */
export function historyTeller({ metrics, monotonicMs, log }: HistoryTellerContext) {
  const differing = new ToldReasons(monotonicMs);
  const unread = new ToldReasons(monotonicMs);
  return ({ route, channel }: HistoryPlace, outcome: HistoryOutcome, error?: unknown): void => {
    metrics.ofRoute(route).history(outcome);
    if (outcome === 'recounted' && differing.hear(DIFFERENT, route))
      log.warn({ route, channel }, 'a history and what was heard of its channel differ');
    if (outcome !== 'failed') return;
    const reason = error instanceof Error ? error.message : 'unknown';
    if (unread.hear(reason, route)) log.warn({ route, reason }, 'a history cannot be read');
  };
}
