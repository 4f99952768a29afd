/** Who is told of a frame. */
export type Told = (frame: string) => void;

/** Tells each of many the latest frame, and nobody the same twice in a row. */
export class ToldFrame {
  readonly #told = new Set<Told>();
  readonly #untold = new Set<Told>();
  #latest: string | undefined;

  /** The frame that was told last; undefined before the first. */
  get latest(): string | undefined {
    return this.#latest;
  }

  /** Is told the next time. */
  add(told: Told): void {
    this.#untold.add(told);
  }

  delete(told: Told): void {
    this.#told.delete(told);
    this.#untold.delete(told);
  }

  /** Tells a frame to all when it is another than the one before, and else to those that have had none. */
  tell(frame: string): void {
    if (frame !== this.#latest) for (const told of this.#told) told(frame);
    for (const told of this.#untold) {
      told(frame);
      this.#told.add(told);
    }
    this.#untold.clear();
    this.#latest = frame;
  }
}
