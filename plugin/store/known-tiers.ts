import type { LRUCache } from 'lru-cache';
import { lruCache } from '../lib/lru-cache';

/** How many tenants' tiers are remembered; the least recently used one goes first. */
export const MAX_KNOWN_TIERS = 100_000;
/** A tier that no limit names: the limits' own figures hold. */
export const UNKNOWN_TIER = '';

/** A tenant's tier as it was read. */
export interface KnownTier {
  /** Undefined when its key was not there. */
  readonly tier: string | undefined;
}

/** The tiers that Redis told, for where it cannot be asked in the same call, and for while it is away. */
export class KnownTiers {
  readonly #tiers: LRUCache<string, KnownTier & { readonly untilMs: number }>;
  readonly #nowMs: () => number;

  /** @param nowMs a monotonic clock, milliseconds */
  constructor(nowMs: () => number, max = MAX_KNOWN_TIERS) {
    this.#nowMs = nowMs;
    this.#tiers = lruCache(max);
  }

  /** The tier that is remembered; undefined when none is, or not any more. */
  get(key: string): KnownTier | undefined {
    const known = this.#tiers.get(key);
    return known !== undefined && this.#nowMs() < known.untilMs ? known : undefined;
  }

  /** Remembers what a key held, for no longer than the limits' window. */
  set(key: string, tier: string | undefined, windowSeconds: number): void {
    this.#tiers.set(key, { tier, untilMs: this.#nowMs() + windowSeconds * 1000 });
  }
}
