import { median } from '../../../bench/median';

/** Values of one figure over time. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** How much it may grow while it is watched: the larger of a share of its median and of so many units. */
  readonly tolerance: { readonly share: number; readonly least: number };
  readonly samples: { readonly atMs: number; readonly value: number }[];
}

/** The outcome of a series. */
export interface Trend {
  readonly median: number;
  readonly max: number;
  /** By its slope from the end of the warm-up to the last sample. */
  readonly growth: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

/** The part of a run in which caches fill and the heap finds its size. */
const WARM_UP = 1 / 3;
/** Pairs of samples are as many as their square. */
const MAX_SAMPLES = 500;

/**
 * How a series went after its warm-up. Its slope is the median of the slopes of all pairs (Theil and Sen): a peak while something is broken says
 * nothing of a leak.
 */
export function trendOf({ samples, tolerance }: Series): Trend {
  const warm = thinned(samples.slice(Math.ceil(samples.length * WARM_UP)));
  const values = warm.map(({ value }) => value);
  const [first, last] = [warm[0], warm.at(-1)];
  const spanMs = first === undefined || last === undefined ? 0 : last.atMs - first.atMs;
  const middle = median(values);
  const growth = spanMs === 0 ? 0 : slopeOf(warm) * spanMs;
  const allowed = Math.max(tolerance.share * middle, tolerance.least);
  return { median: middle, max: Math.max(...values), growth, allowed, isFlat: !(growth > allowed) };
}

function slopeOf(samples: Series['samples']): number {
  const slopes = samples.flatMap((a, index) =>
    samples.slice(index + 1).map((b) => (b.value - a.value) / (b.atMs - a.atMs)),
  );
  return median(slopes);
}

function thinned(samples: Series['samples']): Series['samples'] {
  const step = Math.ceil(samples.length / MAX_SAMPLES);
  return step <= 1 ? samples : samples.filter((_, index) => index % step === 0);
}
