import type { RedisNames } from '../redis/names';
import { allInTurns } from '../lib/promises';
import { SmallSet } from '../lib/small-set';

/** A session as a client may name it. */
export const SESSION_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Longest time between two renewals, in milliseconds, whatever the TTL. When Redis lost the claim, and a second owner
 * came to another bridge, both hear the session for so long at most.
 */
export const MAX_RENEW_INTERVAL_MS = 10_000;

/** Sessions that are renewed at once: 50,000 of them together held the loop for a fifth of a second. */
export const RENEWED_AT_ONCE = 1000;

/** A session has no owner, and Redis takes no claim now: nobody can be shown to be the one. */
export class UnclaimableSessionError extends Error {
  override readonly name = 'UnclaimableSessionError';
  readonly code = 'ERR_SESSION_UNCLAIMABLE';

  constructor() {
    super('Redis takes no writes now: a session that has no owner yet cannot be claimed');
  }
}

/** The sessions need these of Redis. */
export interface SessionStore {
  /**
   * Looks a claim up, and makes none.
   * @throws when Redis is unreachable
   */
  lookUp(claim: Claim): Promise<Standing>;
  /**
   * Claims a key for its owner, or renews the claim that the owner has. Unless it is somebody else's, notes the bridge.
   * @throws when Redis is unreachable, and UnclaimableSessionError
   */
  claim(claim: Claim): Promise<Standing>;
}

/** A key and the value that says whose it is. */
export interface Claim {
  readonly key: string;
  readonly owner: string;
  /** The key with the bridges that keep the session's frames; `key` itself where none is named. */
  readonly bridgesKey: string;
  /** How this bridge keeps them for the claimant. */
  readonly keeps: Keeps;
}

/** How a session stands, before it is claimed or just when it is. */
export interface Standing {
  /** It is somebody else's. */
  readonly isForeign: boolean;
  /** It was nobody's. */
  readonly isNew: boolean;
  /** Those that keep its frames, the one with the most first, for a claimant whose bridge keeps them too. */
  readonly bridges: readonly string[];
}

/** How a claimant's bridge keeps a session's frames: not, beside others, or all that there are. */
export type Keeps = 'none' | 'some' | 'all';

/** Somebody who uses a session. */
export interface SessionHolder {
  /** The session turned out to be somebody else's. */
  evict(): void;
}

interface Use {
  claim: Claim;
  readonly holders: SmallSet<SessionHolder>;
}

const FOREIGN: Standing = { isForeign: true, isNew: false, bridges: [] };

/**
 * Who owns which AI chat session. The first (tenant, user) that opens it owns it while it is used, and as long after
 * that as the store keeps a claim.
 */
export class Sessions {
  readonly #store: SessionStore;
  readonly #names: RedisNames;
  readonly #inUse = new Map<string, Use>();

  constructor(store: SessionStore, names: RedisNames) {
    this.#store = store;
    this.#names = names;
  }

  /** How many sessions are in use. */
  get size(): number {
    return this.#inUse.size;
  }

  /**
   * How a session stands, for a handshake that may yet be refused and so claims nothing.
   * @param keeps whether this bridge is to keep its frames
   * @throws when Redis is unreachable, and UnclaimableSessionError
   */
  lookUp(session: string, tenantId: string, userId: string, keeps: Keeps = 'none'): Promise<Standing> {
    const claim = this.#claimOf(session, tenantId, userId, keeps);
    const rival = this.#rivalOf(session, claim);
    return rival === undefined
      ? this.#store.lookUp(claim)
      : this.#unlessUsed(rival, () => this.#store.lookUp(claim));
  }

  /**
   * Claims a session, or renews the claim that its owner already has. It then belongs to them for the whole TTL: whatever else a
   * handshake may be refused for comes before.
   * @throws when Redis is unreachable, and UnclaimableSessionError
   */
  claim(session: string, tenantId: string, userId: string, keeps: Keeps = 'none'): Promise<Standing> {
    const claim = this.#claimOf(session, tenantId, userId, keeps);
    const rival = this.#rivalOf(session, claim);
    return rival === undefined
      ? this.#store.claim(claim)
      : this.#unlessUsed(rival, () => this.#store.claim(claim));
  }

  /**
   * Keeps a claimed session renewed until it is released. Holders for another owner, whose claim must have ended
   * unseen, are evicted.
   * @param keeps whether this bridge keeps its frames for the holder: each renewal says so again
   */
  hold(
    session: string,
    tenantId: string,
    userId: string,
    holder: SessionHolder,
    keeps: Keeps = 'none',
  ): void {
    // By the next renewal another bridge may have taken all of it over.
    const claim = this.#claimOf(session, tenantId, userId, keeps === 'none' ? keeps : 'some');
    const use = this.#inUse.get(session);
    if (use?.claim.owner === claim.owner) {
      use.holders.add(holder);
      if (keeps !== 'none') use.claim = claim;
      return;
    }
    this.#inUse.set(session, { claim, holders: new SmallSet([holder]) });
    if (use !== undefined) evictAll(use);
  }

  /** Lets go of a session. Does nothing for a holder that does not hold it. */
  release(session: string, holder: SessionHolder): void {
    const use = this.#inUse.get(session);
    if (use === undefined) return;
    use.holders.delete(holder);
    if (use.holders.size === 0) this.#inUse.delete(session);
  }

  /**
   * Renews all claims in use, and makes those anew that Redis has lost. A holder of a session that somebody else
   * claimed meanwhile is evicted, so that no two tenants share one. While Redis takes no claims, those that it lost
   * wait.
   * @throws when Redis is unreachable
   */
  async renew(): Promise<void> {
    const uses = [...this.#inUse.values()];
    await allInTurns(uses, RENEWED_AT_ONCE, async (use) => {
      if (!(await this.#renewed(use.claim))) evictAll(use);
    });
  }

  /** Another owner's use of a session on this bridge. */
  #rivalOf(session: string, { owner }: Claim): Use | undefined {
    const use = this.#inUse.get(session);
    return use?.claim.owner === owner ? undefined : use;
  }

  /** A claim that Redis lost goes to nobody else while its owner uses it on this bridge. */
  async #unlessUsed(rival: Use, ask: () => Promise<Standing>): Promise<Standing> {
    if (!(await this.#store.claim(rival.claim)).isForeign) return FOREIGN;
    evictAll(rival);
    return ask();
  }

  async #renewed(claim: Claim): Promise<boolean> {
    try {
      return !(await this.#store.claim(claim)).isForeign;
    } catch (error) {
      if (error instanceof UnclaimableSessionError) return true;
      throw error;
    }
  }

  #claimOf(session: string, tenantId: string, userId: string, keeps: Keeps): Claim {
    const key = this.#names.session(session);
    const owner = JSON.stringify([tenantId, userId]);
    return { key, owner, bridgesKey: keeps === 'none' ? key : this.#names.sessionBridges(session), keeps };
  }
}

/** The time between two renewals for a TTL, both in milliseconds. */
export function renewIntervalMs(ttlMs: number): number {
  return Math.min(ttlMs / 2, MAX_RENEW_INTERVAL_MS);
}

function evictAll(use: Use): void {
  for (const holder of [...use.holders]) holder.evict();
}
