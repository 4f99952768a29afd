import { readFileSync } from 'node:fs';

/** Linux counts a process' time in ticks of USER_HZ, which is 100 on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * The CPU time of a process with all its threads, user and system, in microseconds, as the operating system counts it.
 * It moves in steps of 10,000.
 */
export function cpuTimeUs(pid: number): number {
  return parseCpuTimeUs(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

/** Reads utime and stime from a line of /proc/PID/stat (proc(5)). */
export function parseCpuTimeUs(stat: string): number {
  // The name before it, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime] = [Number(fields[11]), Number(fields[12])];
  return ((utime + stime) * 1_000_000) / TICKS_PER_SECOND;
}

/**
 * The CPU time of this process' main thread, in milliseconds, exact (`/proc/PID/schedstat`, first field in nanoseconds). Threads that collect garbage
 * or compile count elsewhere, and so does what other processes take of the processor.
 */
export function mainThreadMs(): number {
  const [spentNs = ''] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ');
  return Number(spentNs) / 1_000_000;
}
