import { lruCache } from '../../../plugin/lib/lru-cache';

describe('a cache of the gatekeeper', () => {
  it('keeps as many as it may, and lets the least recently used one go first', () => {
    const cache = lruCache<number>(2);
    cache.set('a', 1);
    cache.set('b', 2);
    expect(cache.get('a')).toBe(1);
    cache.set('c', 3);
    expect([...cache.keys()].sort()).toEqual(['a', 'c']);
  });

  it('takes a value that is set anew for a use', () => {
    const cache = lruCache<number>(2);
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('a', 3);
    cache.set('c', 4);
    expect(cache.get('a')).toBe(3);
    expect(cache.has('b')).toBe(false);
  });

  it('keeps none when none may be kept', () => {
    const cache = lruCache<number>(0);
    cache.set('a', 1);
    expect([cache.size, cache.get('a')]).toEqual([0, undefined]);
  });
});
