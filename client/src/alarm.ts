import type { Clock } from './clock.ts';

// A longer delay overflows the timers of browsers and of Node, and rings at once.
const MAX_DELAY_MS = 2 ** 31 - 1;

/** One timer that can be set anew. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: unknown;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at this time in place of any other; never when undefined. */
  set(atMs: number | undefined): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (atMs === undefined) return;
    const delayMs = Math.min(Math.max(atMs - this.#clock.now(), 0), MAX_DELAY_MS);
    this.#timer = this.#clock.setTimeout(this.#ring, delayMs);
  }
}
