/** Remembers when something was last up, so that one which is away for a moment is told from one which stays away. */
export class LastUp {
  readonly #awayMs: number;
  readonly #monotonicMs: () => number;
  #lastUpMs = -Infinity;

  /** @param awayMs so long it may be away, in milliseconds */
  constructor(awayMs: number, monotonicMs: () => number) {
    this.#awayMs = awayMs;
    this.#monotonicMs = monotonicMs;
  }

  /** Notes how it is now; to be called often. */
  look(isUp: boolean): void {
    if (isUp) this.#lastUpMs = this.#monotonicMs();
  }

  /** Whether it is up, or was so lately that it may come back by itself. */
  isRecent(isUp: boolean): boolean {
    this.look(isUp);
    return this.#monotonicMs() - this.#lastUpMs <= this.#awayMs;
  }
}
