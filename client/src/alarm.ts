import type { Clock } from './clock.ts';

// A longer delay overflows the timers of browsers and of Node, and rings at once.
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * One timer that can be set anew. Its ring is the time: nobody who is rung asks a clock whether it has come. A timer may
 * ring before a clock says so, and a clock may be set back meanwhile.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: unknown;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings after this delay in place of any other; never when it is undefined or infinite. */
  set(delayMs = Infinity): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (delayMs === Infinity) return;
    const beginMs = Math.min(Math.max(delayMs, 0), MAX_DELAY_MS);
    const restMs = delayMs - beginMs;
    this.#timer = this.#clock.setTimeout(() => {
      if (restMs > 0) this.set(restMs);
      else this.#ring();
    }, beginMs);
  }
}
