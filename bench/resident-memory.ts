import { readFileSync } from 'node:fs';

/** The resident set of a process, in bytes, as the operating system counts it. */
export function residentBytes(pid: number): number {
  return parseResidentBytes(readFileSync(`/proc/${pid}/status`, 'latin1'));
}

/** Reads VmRSS from /proc/PID/status (proc(5)). */
export function parseResidentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
