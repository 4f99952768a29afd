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
  /** Under 0 where an owner was not read, and may have sent so much meanwhile. */
  #level = 0;
  #atUs = 0;

  constructor(rate: ByteRate) {
    this.#rate = rate;
  }

  /**
   * Whether a message of so many bytes is within the rate. Charges nothing.
   * @param nowMs a clock that nobody sets, in milliseconds
   * @param fromMs the earliest that it may have come
   */
  admits(bytes: number, nowMs: number, fromMs = nowMs): boolean {
    const { perSecond, burst } = this.#rate;
    return perSecond === 0 || this.#levelAt(nowMs, fromMs) + bytes * PARTS <= burst * PARTS;
  }

  /** Counts a message. */
  charge(bytes: number, nowMs: number, fromMs = nowMs): void {
    if (this.#rate.perSecond === 0) return;
    this.#level = this.#levelAt(nowMs, fromMs) + bytes * PARTS;
    this.#atUs = microseconds(nowMs);
  }

  /** Whether it is as if it were new. */
  isIdle(nowMs: number): boolean {
    return this.#levelAt(nowMs, nowMs) <= 0;
  }

  /** The bucket never holds less than nothing, but for what drained of it since `fromMs`. */
  #levelAt(nowMs: number, fromMs: number): number {
    const nowUs = microseconds(nowMs);
    const passedUs = Math.max(0, nowUs - this.#atUs);
    const unused = Math.max(0, nowUs - microseconds(fromMs)) * this.#rate.perSecond;
    return Math.max(-unused, this.#level - passedUs * this.#rate.perSecond);
  }
}

function microseconds(ms: number): number {
  return Math.floor(ms * 1000);
}
