import type { Rates } from './deployment';

/** CPU time of one of each, in microseconds. */
export type UnitCosts = Readonly<Record<keyof Rates, number>>;

/** Shares of a core: 1 is one that does nothing else. */
export interface Cost {
  readonly cores: number;
  readonly by: Readonly<Record<keyof Rates, number>>;
}

/** The cost of a second. @param among how many share it evenly */
export function costOf(rates: Rates, unitUs: UnitCosts, among = 1): Cost {
  const kinds = Object.keys(rates) as (keyof Rates)[];
  const shares = kinds.map((kind) => [kind, (rates[kind] * unitUs[kind]) / 1e6 / among] as const);
  return {
    cores: shares.reduce((sum, [, share]) => sum + share, 0),
    by: Object.fromEntries(shares) as Cost['by'],
  };
}

/** A cost that grew faster than the sockets did, and how much faster: 1 is as fast as they. */
export interface Growth {
  readonly kind: keyof Rates;
  readonly times: number;
}

/** A share that is no larger is nothing to look at, whatever it grows like. */
const NOTEWORTHY_CORES = 0.001;
/** Rounding, and tenants that were not on every bridge yet. */
const TOLERANCE = 1.1;

/**
 * Finds costs that grow faster than the number of sockets.
 * @param times how many times more sockets `after` is for
 */
export function fasterThanLinear(before: Cost, after: Cost, times: number): readonly Growth[] {
  const kinds = Object.keys(after.by) as (keyof Rates)[];
  return kinds
    .filter((kind) => after.by[kind] > NOTEWORTHY_CORES)
    .map((kind) => ({ kind, times: after.by[kind] / before.by[kind] / times }))
    .filter(({ times: faster }) => faster > TOLERANCE);
}
