import { Chain } from '../lib/chain';

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
  readonly id: string;
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
  readonly #ids = new Set<string>();
  /** Ids live about equally long, so the order of insertion is near enough the order in which they end. */
  readonly #ends = new Chain<End>();
  /** Those that a wall clock that was set back keeps valid. They hold up nothing that came later. */
  readonly #held = new Chain<End>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#ids.size;
  }

  /** Remembers an id until it ends. */
  accept(id: string, endsAt: number, nowS: number, monotonicS: number): ReplayVerdict {
    if (endsAt <= nowS) return 'ended';
    this.#forgetEnded(nowS, monotonicS);
    if (this.#ids.has(id)) return 'replayed';
    if (this.size >= this.#maxEntries) return 'full';
    this.#ids.add(id);
    this.#ends.append({ id, wallS: endsAt, monotonicS: monotonicS + endsAt - nowS });
    return 'first';
  }

  #forgetEnded(nowS: number, monotonicS: number): void {
    for (const end of this.#ends.shiftWhile((first) => first.monotonicS <= monotonicS)) {
      if (end.wallS > nowS) this.#held.append(end);
      else this.#ids.delete(end.id);
    }
    for (const { id } of this.#held.shiftWhile(({ wallS }) => wallS <= nowS)) this.#ids.delete(id);
  }
}
