import { hash } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import { lruCache } from '../lib/lru-cache';
import { outcomeOf } from './outcome';
import type { Store, StoreAnswer, StoreQuery } from './store';

/** How many tokens are remembered that turned out to be revoked; the least recently used one goes first. */
export const MAX_REVOKED_TOKENS = 10_000;

/** A value for a set of least recently used. */
const THERE = Object.freeze({});

/**
 * Charges a revoked token once. Limits are charged in the call that looks the token up. So one whose right was taken away could use up
 * its tenant's limits, and its user's returns. A token that was revoked before is looked up first, and charged only when it is not any more.
 * @param limits asked alone where nobody answers that look-up; not given where they are in the same Redis, which would be waited for again
 */
export function sparingStore(store: Store, max = MAX_REVOKED_TOKENS, limits?: Store): Store {
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
        const looked = await outcomeOf(store.ask({ limits: [], revocationKey }));
        if ('fault' in looked) return chargeAlone(query, looked.fault);
        if (looked.value.revoked === true) return looked.value;
      }
      const answer = await store.ask(query);
      if (answer.revoked === true) revoked.set(digestOf(revocationKey), THERE);
      else if (isKnown && answer.revoked === false) revoked.delete(digestOf(revocationKey));
      return answer;
    },
  };

  async function chargeAlone(query: StoreQuery, silence: Error): Promise<StoreAnswer> {
    if (limits === undefined) throw silence;
    return { ...(await limits.ask({ ...query, revocationKey: undefined })), revoked: undefined };
  }
}

/** A token's id may be long. */
const digestOf = (revocationKey: string): string => hash('sha256', revocationKey, 'base64');
