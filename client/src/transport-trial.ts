/** A connection that its client broke off so early says nothing of the way. */
export const EARLY_MS = 2_000;

/** One connection, of which is told once whether its way works. */
export class TransportTrial {
  readonly #tell: (works: boolean) => void;
  readonly #monotonicNow: () => number;
  readonly #sinceMs: number;
  #isOver = false;

  /** @param monotonicNow milliseconds of a clock that nobody sets */
  constructor(monotonicNow: () => number, tell: (works: boolean) => void) {
    this.#tell = tell;
    this.#monotonicNow = monotonicNow;
    this.#sinceMs = monotonicNow();
  }

  /** Something came. */
  worked(): void {
    this.#end(true);
  }

  /** It ended. */
  ended(): void {
    this.#end(false);
  }

  /** It ends for a reason that is not the way's. */
  excuse(): void {
    this.#isOver = true;
  }

  /** Its client breaks it off. */
  dropped(): void {
    if (this.#monotonicNow() - this.#sinceMs < EARLY_MS) this.excuse();
  }

  #end(works: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tell(works);
  }
}
