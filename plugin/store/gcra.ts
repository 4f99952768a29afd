import type { Rate } from '../config/config';
import type { LimitState } from './store';

const MICROSECONDS = 1_000_000;

/** GCRA's emission interval in microseconds, rounded up so that no window ever gets more than it may. */
export function emissionIntervalUs(rate: Rate): number {
  return Math.ceil((rate.windowSeconds * MICROSECONDS) / rate.limit);
}

/** A limit's figures for one upgrade. */
export interface PayableRate extends Rate {
  /** Whether the upgrade was paid for: it is of a page that the limit has charged already. */
  readonly isPaid?: boolean;
}

/** The outcome of {@link gcra}. */
export interface GcraOutcome {
  readonly admitted: boolean;
  readonly states: readonly LimitState[];
  /** The theoretical arrival times to keep, microseconds of any clock that runs on; those given when nothing was charged. */
  readonly tats: readonly number[];
}

/**
 * GCRA (ITU-T I.371) over several limits at once: admitted by all of them, or charged to none. The twin of gcra.lua,
 * for this process's memory; a test holds the two together.
 * @param rates the limits, of which those that are `isPaid` neither refuse nor are charged
 * @param tats theoretical arrival times, undefined for a limit that was never used
 * @param nowUs microseconds of any clock that runs on
 */
export function gcra(
  rates: readonly PayableRate[],
  tats: readonly (number | undefined)[],
  nowUs: number,
): GcraOutcome {
  const before = rates.map((rate, i) => {
    const interval = emissionIntervalUs(rate);
    const tolerance = interval * rate.burst;
    let tat = tats[i] ?? nowUs;
    // A TAT that no admission can have left means that the clock was set back: start over, one step from full.
    if (tat > nowUs + tolerance + interval) tat = nowUs + tolerance;
    return { rate, interval, tolerance, tat: Math.max(tat, nowUs) };
  });
  const admitted = before.every(
    ({ rate, tat, tolerance }) => rate.isPaid === true || tat - tolerance <= nowUs,
  );
  const after = before.map((limit) => ({
    ...limit,
    tat: admitted && !limit.rate.isPaid ? limit.tat + limit.interval : limit.tat,
  }));
  const states = after.map(({ rate, interval, tolerance, tat }) => ({
    limit: rate.limit,
    remaining: Math.max(0, Math.floor((nowUs + tolerance - tat) / interval) + 1),
    retryAfterUs: Math.max(0, tat - tolerance - nowUs),
    resetUs: tat - nowUs,
  }));
  return { admitted, states, tats: after.map(({ tat }) => tat) };
}
