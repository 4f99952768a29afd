import { hash } from 'node:crypto';
import { RecentMap } from '../recent-map';
import type { TokenVerifier, VerifiedToken } from './verify';

/** A verifier that remembers, and can be made to forget. */
export interface CachingVerifier extends TokenVerifier {
  /** Forgets every token: the keys have changed. */
  clear(): void;
}

/**
 * Remembers verified tokens by their SHA-256, so that a storm of reconnects verifies each token once. Bounded, least
 * recently used first; never past `exp`; a refusal is never remembered.
 * @param size how many tokens; 0 remembers none
 * @param clockToleranceSeconds added to `exp`, as the verifier does
 * @param refreshKeys awaited before a token is taken from memory; forgets all when the keys that verified it are gone
 */
export function cachingVerifier(
  verifier: TokenVerifier,
  size: number,
  clockToleranceSeconds: number,
  refreshKeys?: () => Promise<void>,
): CachingVerifier {
  if (size === 0) return { verify: (token, now) => verifier.verify(token, now), clear: () => undefined };
  const cache = new RecentMap<string, VerifiedToken>(size);
  let generation = 0;
  return {
    async verify(token, now) {
      const digest = hash('sha256', token, 'base64');
      if (refreshKeys !== undefined && cache.has(digest)) await refreshKeys();
      const known = cache.get(digest);
      if (known !== undefined && now < known.exp + clockToleranceSeconds) return known;
      const begun = generation;
      const verified = await verifier.verify(token, now);
      // What was verified with keys that have gone meanwhile is not remembered.
      if (begun === generation) cache.set(digest, verified);
      return verified;
    },
    clear() {
      generation += 1;
      cache.clear();
    },
  };
}
