/** The verdict of a {@link ReplayGuard} on an id. */
export type ReplayVerdict =
  | 'first'
  /** It was accepted before. */
  | 'replayed'
  /** It ended while it was on its way here, so nobody may still know whether it was accepted before. */
  | 'ended'
  /** There is no room to remember it, so it must not be accepted. */
  | 'full';

/** Accepts each assertion once: by itself, or by asking whoever does so for several bridges. */
export interface AssertionGuard {
  /**
   * @param endsAt when the id is no longer accepted anyway, in seconds since the epoch
   * @param nowS seconds since the epoch
   * @param monotonicS a clock that nobody sets, in seconds
   * @returns `away` when nobody could be asked in time
   */
  accept(
    id: string,
    endsAt: number,
    nowS: number,
    monotonicS: number,
  ): ReplayVerdict | Promise<ReplayVerdict | 'away'>;
}

/** When an id ends, by both clocks, in seconds. */
interface End {
  readonly wallS: number;
  readonly monotonicS: number;
}

/**
 * Accepts each id once for as long as it is valid, by whichever clock that is longer. The wall clock may be set on and
 * back again. It would find ids valid then that the guard had forgotten. It remembers at most `maxEntries` ids and
 * would rather refuse than forget one.
 */
export class ReplayGuard implements AssertionGuard {
  readonly #maxEntries: number;
  // Ids live about equally long, so the order of insertion is near enough the order in which they end.
  readonly #ends = new Map<string, End>();
  /** Those that a wall clock that was set back keeps valid: when they end by it. They hold up nothing that came later. */
  readonly #held = new Map<string, number>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#ends.size + this.#held.size;
  }

  /** Remembers an id until it ends. */
  accept(id: string, endsAt: number, nowS: number, monotonicS: number): ReplayVerdict {
    if (endsAt <= nowS) return 'ended';
    this.#forgetEnded(nowS, monotonicS);
    if (this.#ends.has(id) || this.#held.has(id)) return 'replayed';
    if (this.size >= this.#maxEntries) return 'full';
    this.#ends.set(id, { wallS: endsAt, monotonicS: monotonicS + endsAt - nowS });
    return 'first';
  }

  #forgetEnded(nowS: number, monotonicS: number): void {
    for (const [id, end] of this.#ends) {
      if (end.monotonicS > monotonicS) break;
      this.#ends.delete(id);
      if (end.wallS > nowS) this.#held.set(id, end.wallS);
    }
    for (const [id, endsAt] of this.#held) {
      if (endsAt > nowS) return;
      this.#held.delete(id);
    }
  }
}
