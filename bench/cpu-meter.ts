import { clockUs } from './clock';
import { cpuTimeUs } from './cpu-time';
import { processTree } from './process-tree';

/** A stretch of time in microseconds, and the CPU time that processes took in it, by name. */
export interface Spent<N extends string> {
  readonly us: number;
  readonly cpuUs: Readonly<Record<N, number>>;
}

/**
 * Begins to measure what processes take.
 * @param processes numbers of processes, by the name under which they count together, with those that they start
 * @returns tells what they have taken since
 */
export function startMeter<N extends string>(
  processes: Readonly<Record<N, readonly number[]>>,
): () => Spent<N> {
  const startUs = clockUs();
  const before = totals(processes);
  return () => {
    const after = totals(processes);
    const names = Object.keys(processes) as N[];
    const cpuUs = Object.fromEntries(names.map((name) => [name, after[name] - before[name]]));
    return { us: clockUs() - startUs, cpuUs: cpuUs as Record<N, number> };
  };
}

function totals<N extends string>(processes: Readonly<Record<N, readonly number[]>>): Record<N, number> {
  const entries = Object.entries<readonly number[]>(processes).map(([name, roots]) => [
    name,
    roots.flatMap(processTree).reduce((sum, pid) => sum + cpuTimeUs(pid), 0),
  ]);
  return Object.fromEntries(entries) as Record<N, number>;
}
