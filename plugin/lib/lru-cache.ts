import { LRUCache } from 'lru-cache';

/**
 * A cache of at most `max` entries, of which the least recently used one goes first; of 0 it keeps none. It is bounded by size, each entry of
 * size 1: by number it would take memory for all of them at once, and a gatekeeper has caches for each configuration, of which most stay small.
 */
export function lruCache<V extends object | number>(max: number): LRUCache<string, V> {
  // An entry that is larger than the cache is not kept.
  return new LRUCache({ maxSize: Math.max(1, max), sizeCalculation: () => (max === 0 ? 2 : 1) });
}
