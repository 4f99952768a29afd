/** A session as a client may name it. */
export const SESSION_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/** Longest time between two renewals, in milliseconds, whatever the TTL. */
export const MAX_RENEW_INTERVAL_MS = 3_600_000;

/** What the sessions need of Redis. Each call rejects when Redis is unreachable. */
export interface SessionStore {
  /** For each key: sets it to its value unless it is set; resolves with what was there before. */
  setIfAbsent(claims: readonly Claim[], ttlMs: number): Promise<readonly (string | null)[]>;
  /** For each key: sets the time it has left; resolves with whether it was there. */
  expire(keys: readonly string[], ttlMs: number): Promise<readonly boolean[]>;
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
  readonly holders: Set<SessionHolder>;
}

/**
 * Who owns which AI chat session: the first (tenant, user) that opens it, for as long as it is used and
 * `ttlMs` longer.
 */
export class Sessions {
  readonly #store: SessionStore;
  readonly #ttlMs: number;
  readonly #inUse = new Map<string, Use>();

  constructor(store: SessionStore, ttlMs: number) {
    this.#store = store;
    this.#ttlMs = ttlMs;
  }

  /** How many sessions are in use. */
  get size(): number {
    return this.#inUse.size;
  }

  /**
   * Claims a session, or renews the claim that its owner already has.
   * @returns false when it is somebody else's
   * @throws when Redis is unreachable
   */
  async claim(session: string, tenantId: string, userId: string): Promise<boolean> {
    const [owned] = await this.#claimAll([claimOf(session, tenantId, userId)]);
    return owned === true;
  }

  /**
   * Keeps a claimed session renewed until it is released. Whoever held it for another owner, whose claim must
   * have ended unseen, is evicted.
   */
  hold(session: string, tenantId: string, userId: string, holder: SessionHolder): void {
    const claim = claimOf(session, tenantId, userId);
    const use = this.#inUse.get(session);
    if (use?.claim.owner === claim.owner) {
      use.holders.add(holder);
      return;
    }
    this.#inUse.set(session, { claim, holders: new Set([holder]) });
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
   * Renews all claims in use, and makes those anew that Redis has lost. Whoever holds a session that somebody
   * else claimed meanwhile is evicted, so that no two tenants share one.
   * @throws when Redis is unreachable
   */
  async renew(): Promise<void> {
    const uses = [...this.#inUse.values()];
    if (uses.length === 0) return;
    const owned = await this.#claimAll(uses.map((use) => use.claim));
    for (const [index, use] of uses.entries()) {
      if (owned[index] !== true) evictAll(use);
    }
  }

  async #claimAll(claims: readonly Claim[]): Promise<readonly boolean[]> {
    const before = await this.#store.setIfAbsent(claims, this.#ttlMs);
    const extended = await this.#extend(claims.filter((claim, index) => before[index] === claim.owner));
    return claims.map((claim, index) => before[index] === null || extended.has(claim));
  }

  async #extend(claims: readonly Claim[]): Promise<ReadonlySet<Claim>> {
    if (claims.length === 0) return new Set();
    const keys = claims.map((claim) => claim.key);
    const kept = await this.#store.expire(keys, this.#ttlMs);
    const extended = new Set(claims.filter((_, index) => kept[index] === true));
    // Those that ended between the two calls are anybody's again.
    const ended = claims.filter((claim) => !extended.has(claim));
    const owned = ended.length === 0 ? [] : await this.#claimAll(ended);
    return new Set([...extended, ...ended.filter((_, index) => owned[index] === true)]);
  }
}

/** The time between two renewals for a TTL, both in milliseconds. */
export function renewIntervalMs(ttlMs: number): number {
  return Math.min(ttlMs / 2, MAX_RENEW_INTERVAL_MS);
}

function claimOf(session: string, tenantId: string, userId: string): Claim {
  return { key: `ai:session:${session}`, owner: JSON.stringify([tenantId, userId]) };
}

function evictAll(use: Use): void {
  for (const holder of [...use.holders]) holder.evict();
}
