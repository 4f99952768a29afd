import type { LRUCache } from 'lru-cache';
import { lruCache } from '../lib/lru-cache';
import { gcra, type GcraOutcome } from './gcra';
import type { PageCharge } from './limits';
import { MemoryPages } from './memory-pages';

/** The states of limits in this process's memory. Bounded: the least recently used one goes first. */
export class MemoryLimits {
  readonly #tats: LRUCache<string, number>;
  readonly #pages: MemoryPages;
  readonly #nowUs: () => number;

  /**
   * @param nowUs the clock, microseconds of any clock that runs on
   * @param max how many states are kept, and how many pages beside them
   */
  constructor(nowUs: () => number, max: number) {
    this.#nowUs = nowUs;
    this.#tats = lruCache(max);
    this.#pages = new MemoryPages(nowUs, max);
  }

  /** How many states are kept at present. */
  get size(): number {
    return this.#tats.size;
  }

  /** Charges all of them, or none when one of them refuses. */
  charge(charges: readonly PageCharge[]): GcraOutcome {
    const outcome = this.look(charges);
    if (!outcome.admitted) return outcome;
    charges.forEach(({ key, page }, i) => {
      const tat = outcome.tats[i];
      if (tat !== undefined) this.#tats.set(key, tat);
      if (page !== undefined) this.#pages.add(page);
    });
    return outcome;
  }

  /** The outcome that {@link charge} would have. */
  look(charges: readonly PageCharge[]): GcraOutcome {
    return gcra(
      charges.map(({ rate, page }) =>
        page !== undefined && this.#pages.has(page) ? { ...rate, isPaid: true } : rate,
      ),
      charges.map(({ key }) => this.#tats.get(key)),
      this.#nowUs(),
    );
  }
}
