import type { AfterClose } from '../../protocol/close-codes.ts';

/** What {@link AfterClose} says when it is not to stop. */
export type ComeBack = Exclude<AfterClose, 'stop'>;

/** The bounds of the delay before a reconnect, in milliseconds. */
export interface BackoffLimits {
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
}

// How many times the base the delay may take, after so many attempts in a row.
const REACH: Readonly<Record<ComeBack, (attempts: number) => number>> = {
  reconnect: () => 1,
  'reconnect-later': (attempts) => 2 ** attempts,
  'renew-token': atOnceThenLater,
  resume: atOnceThenLater,
};

function atOnceThenLater(attempts: number): number {
  return attempts === 0 ? 0 : 2 ** attempts;
}

/**
 * The delay before the next attempt, with full jitter.
 * @param attempts made in a row without a stable connection
 * @param random in [0, 1)
 */
export function backoffMs(then: ComeBack, attempts: number, random: number, limits: BackoffLimits): number {
  return random * Math.min(limits.backoffCapMs, limits.backoffBaseMs * REACH[then](attempts));
}
