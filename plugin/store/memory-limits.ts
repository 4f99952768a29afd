import { RecentMap } from '../lib/recent-map';
import { gcra, type GcraOutcome } from './gcra';
import type { Charge } from './limits';

/** The states of limits in this process's memory. Bounded: the least recently used one goes first. */
export class MemoryLimits {
  readonly #tats: RecentMap<string, number>;
  readonly #nowUs: () => number;

  /**
   * @param nowUs the clock, microseconds of any clock that runs on
   * @param max how many states are kept
   */
  constructor(nowUs: () => number, max: number) {
    this.#nowUs = nowUs;
    this.#tats = new RecentMap(max);
  }

  /** How many states are kept at present. */
  get size(): number {
    return this.#tats.size;
  }

  /** Charges all of them, or none when one of them refuses. */
  charge(charges: readonly Charge[]): GcraOutcome {
    const outcome = this.look(charges);
    if (!outcome.admitted) return outcome;
    charges.forEach(({ key }, i) => {
      const tat = outcome.tats[i];
      if (tat !== undefined) this.#tats.set(key, tat);
    });
    return outcome;
  }

  /** The outcome that {@link charge} would have. */
  look(charges: readonly Charge[]): GcraOutcome {
    return gcra(
      charges.map(({ rate }) => rate),
      charges.map(({ key }) => this.#tats.get(key)),
      this.#nowUs(),
    );
  }
}
