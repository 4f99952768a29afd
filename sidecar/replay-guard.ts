/** What a {@link ReplayGuard} makes of an id. */
export type ReplayVerdict =
  | 'first'
  /** It was accepted before. */
  | 'replayed'
  /** There is no room to remember it, so it must not be accepted. */
  | 'full';

/**
 * Accepts each id once for as long as it is valid.
 * It remembers at most `maxEntries` ids and would rather refuse than forget one.
 */
export class ReplayGuard {
  readonly #maxEntries: number;
  // Ids live about equally long, so the order of insertion is near enough the order in which they end.
  readonly #endsAt = new Map<string, number>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#endsAt.size;
  }

  /**
   * Remembers an id until it ends.
   * @param endsAt when the id is no longer accepted anyway, in seconds since the epoch
   * @param now seconds since the epoch
   */
  accept(id: string, endsAt: number, now: number): ReplayVerdict {
    this.#forgetEnded(now);
    if (this.#endsAt.has(id)) return 'replayed';
    if (this.#endsAt.size >= this.#maxEntries) return 'full';
    this.#endsAt.set(id, endsAt);
    return 'first';
  }

  #forgetEnded(now: number): void {
    for (const [id, endsAt] of this.#endsAt) {
      if (endsAt > now) return;
      this.#endsAt.delete(id);
    }
  }
}
