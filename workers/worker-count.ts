import { availableParallelism } from 'node:os';

/** More are no use on any machine, and each costs memory and connections to Redis. */
export const MAX_WORKERS = 64;

/** The values that may be written for a number of workers. */
export const WORKER_COUNT_EXPECTED = `a whole number from 1 to ${MAX_WORKERS}, or auto for one a core`;

/** Reads a number of workers. @returns undefined when it is none */
export function readWorkerCount(text: string): number | undefined {
  if (text === 'auto') return Math.min(availableParallelism(), MAX_WORKERS);
  const count = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= MAX_WORKERS ? count : undefined;
}
