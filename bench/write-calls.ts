import { readFileSync } from 'node:fs';
import { processTree } from './process-tree';

/** How often a process and those that it started have written, to whatever, as the kernel counts it. */
export function writeCalls(root: number): number {
  return processTree(root).reduce(
    (sum, pid) => sum + parseWriteCalls(readFileSync(`/proc/${pid}/io`, 'latin1')),
    0,
  );
}

/** Reads syscw from /proc/PID/io (proc(5)). */
export function parseWriteCalls(io: string): number {
  return Number(/^syscw: (\d+)$/m.exec(io)?.[1]);
}
