import { hash } from 'node:crypto';
import { lruCache } from '../lib/lru-cache';
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
 * @param refreshKeys awaited before a token that a fetched key verified is taken from memory; forgets all when these keys are gone
 */
export function cachingVerifier(
  verifier: Pick<TokenVerifier, 'verify'>,
  size: number,
  clockToleranceSeconds: number,
  refreshKeys?: () => Promise<void>,
): CachingVerifier {
  if (size === 0) return unremembered(verifier);
  const cache = lruCache<VerifiedToken>(size);
  let generation = 0;
  const isGood = (known: VerifiedToken | undefined, now: number): known is VerifiedToken =>
    known !== undefined && now < known.exp + clockToleranceSeconds;
  return {
    async verify(token, now) {
      const digest = digestOf(token);
      const remembered = cache.get(digest);
      if (remembered !== undefined && remembered.isByConfiguredKey !== true) await refreshKeys?.();
      const known = cache.get(digest);
      if (isGood(known, now)) return known;
      const begun = generation;
      const verified = await verifier.verify(token, now);
      // A token that was verified with keys that have gone meanwhile is not remembered.
      if (begun === generation) cache.set(digest, verified);
      return verified;
    },
    knows: (token, now) => isGood(cache.get(digestOf(token)), now),
    forget(token) {
      cache.delete(digestOf(token));
    },
    clear() {
      generation += 1;
      cache.clear();
    },
  };
}

/** The same of a verifier that remembers nothing. */
export function unremembered({ verify }: Pick<TokenVerifier, 'verify'>): CachingVerifier {
  return { verify, knows: () => false, forget: () => undefined, clear: () => undefined };
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64');
}
