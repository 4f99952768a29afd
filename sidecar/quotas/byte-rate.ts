/** How many bytes an owner may send. */
export interface ByteRate {
  /** Sustained; 0 for any number. */
  readonly perSecond: number;
  /** At once. */
  readonly burst: number;
}

/** Levels are counted in parts of a byte: so many drain in a microsecond as bytes in a second. */
const PARTS = 1_000_000;

/**
 * The bytes of one owner against its rate: GCRA (ITU-T I.371) as its continuous-state leaky bucket. Whole microseconds and
 * whole parts of a byte: nothing is rounded, and nothing adds up.
 */
export class ByteMeter {
  readonly #rate: ByteRate;
  #level = 0;
  #atUs = 0;

  constructor(rate: ByteRate) {
    this.#rate = rate;
  }

  /**
   * Whether a message of so many bytes is within the rate. Charges nothing.
   * @param nowMs a clock that nobody sets, in milliseconds
   */
  admits(bytes: number, nowMs: number): boolean {
    const { perSecond, burst } = this.#rate;
    return perSecond === 0 || this.#levelAt(nowMs) + bytes * PARTS <= burst * PARTS;
  }

  /** Counts a message. */
  charge(bytes: number, nowMs: number): void {
    if (this.#rate.perSecond === 0) return;
    this.#level = this.#levelAt(nowMs) + bytes * PARTS;
    this.#atUs = microseconds(nowMs);
  }

  /** Whether it is as if it were new. */
  isIdle(nowMs: number): boolean {
    return this.#levelAt(nowMs) === 0;
  }

  #levelAt(nowMs: number): number {
    const passedUs = Math.max(0, microseconds(nowMs) - this.#atUs);
    return Math.max(0, this.#level - passedUs * this.#rate.perSecond);
  }
}

function microseconds(ms: number): number {
  return Math.floor(ms * 1000);
}
