/** How busy the event loop is, between 0 and 1, since this was last asked. */
export type UtilizationMeter = () => number;

/** Between two looks at the loop's utilisation, in milliseconds. */
export const SAMPLE_INTERVAL_MS = 50;
/** A loop busier than this flushes later… */
export const BUSY_UTILIZATION = 0.6;
/** …until it is less busy than this. */
export const CALM_UTILIZATION = 0.4;
/** While the loop is busy a flush waits so many times as long as the writes of the last one took. */
export const WAIT_PER_WRITE_TIME = 3;

/**
 * Decides how long a flush gathers frames before it writes them. While the loop has time, not at all. Once it is busy,
 * in proportion to the cost of writing: so that all writes together take a bounded part of its time.
 */
export class FlushDelay {
  readonly #maxDelayMs: number;
  readonly #utilization: UtilizationMeter;
  #sampledAtMs = -Infinity;
  #busy = false;
  #writeMs = 0;
  #wroteAtMs = -Infinity;

  constructor(maxDelayMs: number, utilization: UtilizationMeter) {
    this.#maxDelayMs = maxDelayMs;
    this.#utilization = utilization;
  }

  /** How long the flush that begins now is to gather, in milliseconds. */
  delayMs(nowMs: number): number {
    if (this.#maxDelayMs === 0) return 0;
    this.#sample(nowMs);
    if (!this.#busy) return 0;
    const wanted = Math.min(this.#maxDelayMs, this.#writeMs * WAIT_PER_WRITE_TIME);
    return Math.max(0, wanted - (nowMs - this.#wroteAtMs));
  }

  /** A flush's frames were written, from one moment to the other. */
  wrote(fromMs: number, toMs: number): void {
    this.#writeMs = toMs - fromMs;
    this.#wroteAtMs = toMs;
  }

  #sample(nowMs: number): void {
    if (nowMs - this.#sampledAtMs < SAMPLE_INTERVAL_MS) return;
    this.#sampledAtMs = nowMs;
    const utilization = this.#utilization();
    this.#busy = utilization > (this.#busy ? CALM_UTILIZATION : BUSY_UTILIZATION);
  }
}

/**
 * The utilisation of this thread's event loop, as Node measures it.
 * @param measured since the loop began, or between two measurements; `performance.eventLoopUtilization` by default
 */
export function loopUtilization(measured = performance.eventLoopUtilization): UtilizationMeter {
  let last = measured();
  return () => {
    const now = measured();
    const { utilization } = measured(now, last);
    last = now;
    return utilization;
  };
}
