import type { AfterClose } from '../../protocol/close-codes.ts';

/** The values of {@link AfterClose} other than to stop. */
export type ComeBack = Exclude<AfterClose, 'stop'>;

/** The bounds of the delay before a reconnect, in milliseconds. */
export interface BackoffLimits {
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
}

// Far past any cap, and 0 times it is 0: twice that often the power would be infinite.
const MAX_DOUBLINGS = 500;

/**
 * The delay before the next attempt, with full jitter.
 * @param attempts made in a row without a stable connection
 * @param random in [0, 1)
 */
export function backoffMs(then: ComeBack, attempts: number, random: number, limits: BackoffLimits): number {
  const times = reach(then, attempts);
  // Infinity times 0 would be no number, and no delay.
  return times && random * Math.min(limits.backoffCapMs, limits.backoffBaseMs * times, Number.MAX_VALUE);
}

/** How many times the base the delay may take. */
function reach(then: ComeBack, attempts: number): number {
  if (then === 'reconnect') return 1;
  // To fetch a token or to resume: at once, then later.
  return then === 'reconnect-later' || attempts > 0 ? 2 ** Math.min(attempts, MAX_DOUBLINGS) : 0;
}
