import { hash } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import { lruCache } from '../lib/lru-cache';
import type { Store, StoreAnswer } from './store';

/** How many tokens are remembered that turned out to be revoked; the least recently used one goes first. */
export const MAX_REVOKED_TOKENS = 10_000;

/** A value for a set of least recently used. */
const THERE = Object.freeze({});

/**
 * Charges a revoked token once. Limits are charged in the call that looks the token up. So one whose right was taken away could use up
 * its tenant's limits, and its user's returns. A token that was revoked before is looked up first, and charged only once it is known not to be.
 */
export function sparingStore(store: Store, max = MAX_REVOKED_TOKENS): Store {
  const revoked: LRUCache<string, object> = lruCache(max);
  const wasRevoked = (revocationKey: string): boolean =>
    revoked.size > 0 && revoked.has(digestOf(revocationKey));
  return {
    wasRevoked,
    async ask(query): Promise<StoreAnswer> {
      const { revocationKey } = query;
      if (revocationKey === undefined) return store.ask(query);
      const isKnown = wasRevoked(revocationKey);
      if (isKnown && query.limits.length > 0) {
        const looked = await store.ask({ limits: [], revocationKey });
        if (looked.revoked !== false) return { ...looked, uncounted: query.limits };
      }
      const answer = await store.ask(query);
      if (answer.revoked === true) revoked.set(digestOf(revocationKey), THERE);
      else if (isKnown && answer.revoked === false) revoked.delete(digestOf(revocationKey));
      return answer;
    },
  };
}

/** A token's id may be long. */
const digestOf = (revocationKey: string): string => hash('sha256', revocationKey, 'base64');
