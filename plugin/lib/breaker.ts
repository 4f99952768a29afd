/** How many failures in a row end the asking. */
export const BREAKER_FAILURES = 3;
/** How long nothing is asked then; one caller tries again after that, in milliseconds. */
export const BREAKER_RETRY_MS = 1000;

/** Stops the asking of somebody who does not answer, so that not every upgrade waits for a timeout, and lets it begin again by itself. */
export class Breaker {
  readonly #nowMs: () => number;
  readonly #onChange: (open: boolean) => void;
  #failures = 0;
  #retryAt = 0;

  /**
   * @param nowMs a monotonic clock, milliseconds
   * @param onChange told when asking ends and when it begins again
   */
  constructor(nowMs: () => number, onChange: (open: boolean) => void) {
    this.#nowMs = nowMs;
    this.#onChange = onChange;
  }

  /** Whether nobody may ask at present. */
  get isShut(): boolean {
    return this.#isOpen && this.#nowMs() < this.#retryAt;
  }

  /** Whether the caller may ask. Where asking has ended, one caller a while may. */
  mayAsk(): boolean {
    if (this.isShut) return false;
    // This one tries; the others that come meanwhile do not wait with it.
    if (this.#isOpen) this.#retryAt = this.#nowMs() + BREAKER_RETRY_MS;
    return true;
  }

  succeeded(): void {
    if (this.#isOpen) this.#onChange(false);
    this.#failures = 0;
  }

  failed(): void {
    this.#failures += 1;
    this.#retryAt = this.#nowMs() + BREAKER_RETRY_MS;
    if (this.#failures === BREAKER_FAILURES) this.#onChange(true);
  }

  get #isOpen(): boolean {
    return this.#failures >= BREAKER_FAILURES;
  }
}
