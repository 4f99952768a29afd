import { hash } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import { lruCache } from '../lib/lru-cache';
import { outcomeOf, valueOf } from './outcome';
import type { Store, StoreAnswer, StoreQuery } from './store';

/** How many tokens are remembered that turned out to be revoked; the least recently used one goes first. */
export const MAX_REVOKED_TOKENS = 10_000;

const REVOKED: StoreAnswer = Object.freeze({ admitted: true, states: [], revoked: true });

/**
 * Charges a revoked token once. Limits are charged in the call that looks the token up. So one whose right was taken away could use up
 * its tenant's limits, and its user's returns. A token that was revoked before is looked up first, and charged only when it is not any more.
 */
export function sparingStore(store: Store, max = MAX_REVOKED_TOKENS): Store {
  const revoked: LRUCache<string, object> = lruCache(max);
  return {
    async ask(query): Promise<StoreAnswer> {
      const { revocationKey } = query;
      if (revocationKey === undefined || query.limits.length === 0) return store.ask(query);
      const isKnown = revoked.size > 0 && revoked.has(digestOf(revocationKey));
      if (isKnown && (await isRevoked(store, revocationKey))) return REVOKED;
      const answer = await store.ask(query);
      if (answer.revoked === true) revoked.set(digestOf(revocationKey), REVOKED);
      else if (isKnown && answer.revoked === false) revoked.delete(digestOf(revocationKey));
      return answer;
    },
  };
}

/** A token's id may be long. */
const digestOf = (revocationKey: string): string => hash('sha256', revocationKey, 'base64');

/** False as well where nobody answers: the question for all that follows says what that means. */
async function isRevoked(
  store: Store,
  revocationKey: NonNullable<StoreQuery['revocationKey']>,
): Promise<boolean> {
  const outcome = await outcomeOf(store.ask({ limits: [], revocationKey }));
  return valueOf(outcome)?.revoked === true;
}
