import type { RedisNames } from '../redis/names';
import { SmallSet } from '../lib/small-set';

/** A session as a client may name it. */
export const SESSION_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Longest time between two renewals, in milliseconds, whatever the TTL. When Redis lost the claim, and a second owner
 * came to another bridge, both hear the session for so long at most.
 */
export const MAX_RENEW_INTERVAL_MS = 10_000;

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
   * @returns whether the key is somebody else's
   * @throws when Redis is unreachable
   */
  isForeign(claim: Claim): Promise<boolean>;
  /**
   * Claims a key for its owner, or renews the claim that the owner has.
   * @returns false when it is somebody else's
   * @throws when Redis is unreachable, and UnclaimableSessionError
   */
  claim(claim: Claim): Promise<boolean>;
}

/** A key and the value that says whose it is. */
export interface Claim {
  readonly key: string;
  readonly owner: string;
}

/** Somebody who uses a session. */
export interface SessionHolder {
  /** The session turned out to be somebody else's. */
  evict(): void;
}

interface Use {
  readonly claim: Claim;
  readonly holders: SmallSet<SessionHolder>;
}

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
   * Whether a session is somebody else's, for a handshake that may yet be refused and so claims nothing.
   * @throws when Redis is unreachable, and UnclaimableSessionError
   */
  async isForeign(session: string, tenantId: string, userId: string): Promise<boolean> {
    const claim = this.#claimOf(session, tenantId, userId);
    return (await this.#isUsedByAnother(session, claim)) || this.#store.isForeign(claim);
  }

  /**
   * Claims a session, or renews the claim that its owner already has. It then belongs to them for the whole TTL: whatever else a
   * handshake may be refused for comes before.
   * @returns false when it is somebody else's
   * @throws when Redis is unreachable, and UnclaimableSessionError
   */
  async claim(session: string, tenantId: string, userId: string): Promise<boolean> {
    const claim = this.#claimOf(session, tenantId, userId);
    if (await this.#isUsedByAnother(session, claim)) return false;
    return this.#store.claim(claim);
  }

  /**
   * Keeps a claimed session renewed until it is released. Holders for another owner, whose claim must have ended
   * unseen, are evicted.
   */
  hold(session: string, tenantId: string, userId: string, holder: SessionHolder): void {
    const claim = this.#claimOf(session, tenantId, userId);
    const use = this.#inUse.get(session);
    if (use?.claim.owner === claim.owner) {
      use.holders.add(holder);
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
    await Promise.all(
      uses.map(async (use) => {
        if (!(await this.#renewed(use.claim))) evictAll(use);
      }),
    );
  }

  /** A claim that Redis lost goes to nobody else while its owner uses it on this bridge. */
  async #isUsedByAnother(session: string, { owner }: Claim): Promise<boolean> {
    const use = this.#inUse.get(session);
    if (use === undefined || use.claim.owner === owner) return false;
    if (await this.#store.claim(use.claim)) return true;
    evictAll(use);
    return false;
  }

  async #renewed(claim: Claim): Promise<boolean> {
    try {
      return await this.#store.claim(claim);
    } catch (error) {
      if (error instanceof UnclaimableSessionError) return true;
      throw error;
    }
  }

  #claimOf(session: string, tenantId: string, userId: string): Claim {
    return { key: this.#names.session(session), owner: JSON.stringify([tenantId, userId]) };
  }
}

/** The time between two renewals for a TTL, both in milliseconds. */
export function renewIntervalMs(ttlMs: number): number {
  return Math.min(ttlMs / 2, MAX_RENEW_INTERVAL_MS);
}

function evictAll(use: Use): void {
  for (const holder of [...use.holders]) holder.evict();
}
