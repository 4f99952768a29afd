/** So long after Redis denied returns one upgrade tries to take one again, in milliseconds. Its neighbours of that turn are then asked one by one. */
export const RETURNS_DENIED_MS = 600_000;

/** Whether Redis lets this user take returns. One who is given the right later needs no restart. */
export class DeniedReturns {
  readonly #nowMs: () => number;
  readonly #onDenied: (reason: string) => void;
  #isDenied = false;
  #askedAgainMs = -Infinity;

  /**
   * @param nowMs a monotonic clock, milliseconds
   * @param onDenied told once, until one could be taken again
   */
  constructor(nowMs: () => number, onDenied: (reason: string) => void) {
    this.#nowMs = nowMs;
    this.#onDenied = onDenied;
  }

  /** Whether the caller may try to take one. Where they were denied, one caller a while may. */
  mayTry(): boolean {
    if (this.#nowMs() < this.#askedAgainMs) return false;
    if (this.#isDenied) this.#askLater();
    return true;
  }

  /** Redis said so. */
  denied(reason: string): void {
    this.#askLater();
    if (!this.#isDenied) this.#onDenied(reason);
    this.#isDenied = true;
  }

  /** Redis did not deny it. */
  allowed(): void {
    this.#isDenied = false;
    this.#askedAgainMs = -Infinity;
  }

  #askLater(): void {
    this.#askedAgainMs = this.#nowMs() + RETURNS_DENIED_MS;
  }
}
