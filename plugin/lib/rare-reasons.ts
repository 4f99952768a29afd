import { lruCache } from './lru-cache';

/** How long the same is not said again, in milliseconds. */
const QUIET_MS = 60_000;
/** How many reasons are kept apart. */
const MAX_REASONS = 100;

/** Says whether the log should have a reason: not what it had a while ago, however often it happens. */
export class RareReasons {
  readonly #nowMs: () => number;
  readonly #saidAt = lruCache<number>(MAX_REASONS);

  /** @param nowMs a monotonic clock, milliseconds */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  isNew(subject: string, reason: string): boolean {
    const key = `${subject} ${reason}`;
    const saidAt = this.#saidAt.get(key);
    if (saidAt !== undefined && this.#nowMs() - saidAt < QUIET_MS) return false;
    this.#saidAt.set(key, this.#nowMs());
    return true;
  }
}
