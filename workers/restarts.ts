/** A worker that lived for less died young, in milliseconds. */
export const SHORT_LIFE_MS = 5000;
/** So many workers in a row that die young end the process. */
export const MAX_SHORT_LIVES = 5;
/** Deaths further apart than this are no row, in milliseconds. */
export const ROW_GAP_MS = 60_000;
/** How long the first worker of a row waits before it comes again, in milliseconds; each further one twice as long. */
export const FIRST_DELAY_MS = 100;

/** How long a worker waits that the system did not let begin, in milliseconds: that says nothing of the program. */
export const TRY_AGAIN_MS = 500;

/** When another worker comes in place of one that died. */
export class Restarts {
  readonly #nowMs: () => number;
  #shortLives = 0;
  #lastDeathMs = -Infinity;

  /** @param nowMs a monotonic clock, milliseconds */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A worker died after so long. @returns milliseconds until another comes; undefined when none should, since all die young */
  delayAfter(livedMs: number): number | undefined {
    const now = this.#nowMs();
    if (livedMs >= SHORT_LIFE_MS || now - this.#lastDeathMs > ROW_GAP_MS) this.#shortLives = 0;
    if (livedMs < SHORT_LIFE_MS) this.#shortLives += 1;
    this.#lastDeathMs = now;
    if (this.#shortLives >= MAX_SHORT_LIVES) return undefined;
    return FIRST_DELAY_MS * 2 ** Math.max(this.#shortLives - 1, 0);
  }
}
