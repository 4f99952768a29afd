import type { LRUCache } from 'lru-cache';
import { lruCache } from '../lib/lru-cache';
import type { Page } from './limits';

interface OpenPage {
  readonly paths: readonly string[];
  readonly untilUs: number;
}

/**
 * The pages that limits have charged, in this process's memory: the twin of what gcra.lua keeps of them. Bounded: the least
 * recently used one goes first.
 */
export class MemoryPages {
  readonly #pages: LRUCache<string, OpenPage>;
  readonly #nowUs: () => number;

  /**
   * @param nowUs the clock, microseconds of any clock that runs on
   * @param max how many pages are kept
   */
  constructor(nowUs: () => number, max: number) {
    this.#nowUs = nowUs;
    this.#pages = lruCache(max);
  }

  /** Whether the upgrade belongs to a page that was charged: one with room, which has not had its path yet. */
  has({ key, path, maxUpgrades }: Page): boolean {
    const open = this.#open(key);
    return open !== undefined && open.paths.length < maxUpgrades && !open.paths.includes(path);
  }

  /** Adds an upgrade that was admitted: to the page that it belongs to, or as the first of another one. */
  add(page: Page): void {
    const { key, path, lifetimeMs } = page;
    const open = this.has(page) ? this.#open(key) : undefined;
    const { paths, untilUs } = open ?? { paths: [], untilUs: this.#nowUs() + lifetimeMs * 1000 };
    this.#pages.set(key, { paths: [...paths, path], untilUs });
  }

  #open(key: string): OpenPage | undefined {
    const page = this.#pages.get(key);
    return page !== undefined && this.#nowUs() < page.untilUs ? page : undefined;
  }
}
