import { describe, expect, it } from '@jest/globals';
import { cachingVerifier } from '../../../plugin/token/cache';
import type { VerifiedToken } from '../../../plugin/token/verify';

const identity = { tenantId: 'acme', userId: 'u1', roles: [] };
const verified = (exp: number): VerifiedToken => ({
  identity,
  jti: undefined,
  exp,
  tier: undefined,
  consumer: undefined,
  rights: { claims: [], details: [] },
});

function counting(verify: (token: string) => Promise<VerifiedToken>) {
  const calls: string[] = [];
  return {
    calls,
    verify(token: string) {
      calls.push(token);
      return verify(token);
    },
  };
}

describe('a verified token', () => {
  it('is verified once until it expires', async () => {
    const inner = counting(() => Promise.resolve(verified(100)));
    const cache = cachingVerifier(inner, 10, 5);
    for (const now of [0, 50, 99, 104]) await cache.verify('a', now);
    expect(inner.calls).toEqual(['a']);
    await cache.verify('a', 105);
    expect(inner.calls).toEqual(['a', 'a']);
  });

  it('is known until it expires, or turns out to be revoked', async () => {
    const inner = counting(() => Promise.resolve(verified(100)));
    const cache = cachingVerifier(inner, 10, 5);
    expect(cache.knows('a', 0)).toBe(false);
    await cache.verify('a', 0);
    expect([cache.knows('a', 104), cache.knows('a', 105), cache.knows('b', 0)]).toEqual([true, false, false]);
    cache.forget('a');
    expect(cache.knows('a', 0)).toBe(false);
    await cache.verify('a', 0);
    expect(inner.calls).toEqual(['a', 'a']);
  });

  it('is never known to a verifier that remembers none', async () => {
    const cache = cachingVerifier(
      counting(() => Promise.resolve(verified(100))),
      0,
      5,
    );
    await cache.verify('a', 0);
    expect(cache.knows('a', 0)).toBe(false);
  });

  it('is another one when one character differs', async () => {
    const inner = counting(() => Promise.resolve(verified(100)));
    const cache = cachingVerifier(inner, 10, 5);
    await cache.verify('a', 0);
    await cache.verify('b', 0);
    expect(inner.calls).toEqual(['a', 'b']);
  });

  it('is verified again when the keys that verified it turn out to be gone', async () => {
    const inner = counting(() => Promise.resolve(verified(100)));
    const cache = cachingVerifier(inner, 10, 5, () => {
      cache.clear();
      return Promise.resolve();
    });
    await cache.verify('a', 0);
    await cache.verify('a', 0);
    expect(inner.calls).toEqual(['a', 'a']);
  });

  it('waits for no fetched keys when a key of the configuration verified it', async () => {
    const inner = counting(() => Promise.resolve({ ...verified(100), isByConfiguredKey: true }));
    const cache = cachingVerifier(inner, 10, 5, () => Promise.reject(new Error('asked for fetched keys')));
    for (const now of [0, 1]) await cache.verify('a', now);
    expect(inner.calls).toEqual(['a']);
  });

  it('is never remembered when it was refused', async () => {
    const inner = counting(() => Promise.reject(new Error('refused')));
    const cache = cachingVerifier(inner, 10, 5);
    await expect(cache.verify('a', 0)).rejects.toThrow('refused');
    await expect(cache.verify('a', 0)).rejects.toThrow('refused');
    expect(inner.calls).toHaveLength(2);
  });

  it('is forgotten when the keys change, also while it is being verified', async () => {
    let answer: (token: VerifiedToken) => void = () => undefined;
    const inner = counting(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const cache = cachingVerifier(inner, 10, 5);
    const first = cache.verify('a', 0);
    cache.clear();
    answer(verified(100));
    await first;
    const second = cache.verify('a', 0);
    answer(verified(100));
    await second;
    expect(inner.calls).toHaveLength(2);
    cache.clear();
    const third = cache.verify('a', 0);
    answer(verified(100));
    await third;
    expect(inner.calls).toHaveLength(3);
  });

  it('makes room for newer ones, and may not be remembered at all', async () => {
    const inner = counting(() => Promise.resolve(verified(100)));
    const one = cachingVerifier(inner, 1, 5);
    for (const token of ['a', 'b', 'a']) await one.verify(token, 0);
    expect(inner.calls).toHaveLength(3);
    const none = cachingVerifier(inner, 0, 5);
    for (const token of ['a', 'a']) await none.verify(token, 0);
    expect(inner.calls).toHaveLength(5);
  });
});
