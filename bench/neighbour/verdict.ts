import type { Figures } from '../median';
import { LATENCIES } from './observations';

/** How much of a shipped limit there is. */
export interface Bounds {
  /** Memory of the bridge's container, in MB. */
  readonly memoryMb: number;
  /** That a busy bridge may gather frames for, in milliseconds. */
  readonly coalesceMs: number;
}

/** p99 beside A, at most so many times that of the calm phase. */
const MOST_RATIO = 2;
/** The longest that /livez may take, in milliseconds. */
const MOST_LIVEZ_MS = 200;
/** The part that may stay of the memory that A cost, in MB: a heap does not shrink to its old size. */
const MOST_STAYING_MB = 128;

/** How many times as long as in the calm phase; NaN when either was not measured. */
export function ratio(calm: number | undefined, beside: number | undefined): number {
  return (beside ?? NaN) / (calm ?? NaN);
}

/** The bounds that are passed while A attacks, each as a few words; empty when all is well. */
export function verdictOf(calm: Figures, beside: Figures, { memoryMb, coalesceMs }: Bounds): string[] {
  const figure = (name: string): number => beside[name] ?? NaN;
  const counted = ['lost', 'doubled', 'gaps', 'closed', 'refused'].filter((name) => figure(name) > 0);
  const slow = LATENCIES.filter((kind) => isSlow(calm[`${kind}P99Ms`], figure(`${kind}P99Ms`), coalesceMs));
  return [
    ...counted,
    ...slow.map((kind) => `${kind} p99`),
    ...(figure('livezMs') > MOST_LIVEZ_MS ? ['livez'] : []),
    ...(figure('peakMb') > memoryMb ? ['memory'] : []),
    ...(figure('afterMb') > (calm['peakMb'] ?? NaN) + MOST_STAYING_MB ? ['memory stays'] : []),
    ...(figure('evicted') > 0 ? ['evicted'] : []),
    ...(figure('ended') > 0 ? ['bridge ended'] : []),
  ];
}

/** A frame may be later by the time for which a busy bridge gathers frames, however little it is late when calm. */
function isSlow(calmMs = NaN, besideMs: number, coalesceMs: number): boolean {
  // None at all: everything was refused, or had no answer.
  if (Number.isNaN(besideMs)) return true;
  return ratio(calmMs, besideMs) > MOST_RATIO && besideMs - calmMs > coalesceMs;
}
