import { escapeSegment } from '../protocol/channels';

/** Whose connections are counted. */
export type CapScope = 'user' | 'tenant';

/** Open connections on all bridges together, at most; 0 for any number. */
export type CapLimits = Readonly<Record<CapScope, number>>;

/** What this bridge holds of one limit. */
export interface HeldCount {
  /** The Redis key that the limit is counted under. All keys of a tenant are in one slot of a cluster. */
  readonly key: string;
  readonly held: number;
  readonly max: number;
}

/** The counts that all bridges share. Calls take effect in their order. */
export interface CapStore {
  /**
   * Says what this bridge holds of some limits of one tenant, and takes a place in each when `ask` is set.
   * @returns the index of a limit without room, and then no place is taken; else undefined
   * @throws when Redis is unreachable
   */
  put(counts: readonly HeldCount[], ask: boolean): Promise<number | undefined>;
}

/** A connection's place in its limits. */
export interface Place {
  /** Gives it back; once, however often it is called. */
  release(): void;
}

/** Limits in one call to Redis, at most. */
export const MAX_COUNTS_PER_CALL = 200;

/** How often a bridge says again what it holds, in milliseconds: a call may be lost, or two. */
export function announceIntervalMs(leaseMs: number): number {
  return leaseMs / 3;
}

interface Count {
  readonly scope: CapScope;
  readonly key: string;
  readonly max: number;
  held: number;
}

/**
 * Caps on open connections, counted over all bridges. A bridge says what it holds with every change and once in a
 * while; what a dead bridge held is free again when its lease is over. A place that is being asked for counts as
 * held: of two that ask for the last one at once, here or on two bridges, one at most gets it.
 */
export class ConnectionCaps {
  readonly #store: CapStore;
  readonly #limits: CapLimits;
  readonly #byTenant = new Map<string, Map<string, Count>>();

  constructor(store: CapStore, limits: CapLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** How many limits this bridge holds places in. */
  get size(): number {
    return [...this.#byTenant.values()].reduce((sum, counts) => sum + counts.size, 0);
  }

  /**
   * Takes a place for a connection.
   * @returns whose limit has no room, when one has none
   * @throws when Redis is unreachable
   */
  async take(tenantId: string, userId: string): Promise<Place | CapScope> {
    const counts = this.#countsFor(tenantId, userId);
    if (counts.length === 0) return { release: () => undefined };
    const before = counts.map(({ key, held, max }) => ({ key, held, max }));
    for (const count of counts) count.held += 1;
    const place = this.#place(tenantId, counts);
    try {
      const full = await this.#store.put(before, true);
      if (full === undefined) return place;
      place.release();
      return counts[full]?.scope ?? 'tenant';
    } catch (error) {
      // Redis may have counted it all the same.
      place.release();
      throw error;
    }
  }

  /**
   * Says what this bridge holds, so that it goes on counting, or counts again in a Redis that has lost it.
   * @throws when Redis is unreachable
   */
  async announce(): Promise<void> {
    const calls: Promise<unknown>[] = [];
    for (const counts of this.#byTenant.values()) {
      const all = [...counts.values()];
      for (let start = 0; start < all.length; start += MAX_COUNTS_PER_CALL) {
        calls.push(this.#store.put(all.slice(start, start + MAX_COUNTS_PER_CALL), false));
      }
    }
    await Promise.all(calls);
  }

  #place(tenantId: string, counts: readonly Count[]): Place {
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        for (const count of counts) count.held -= 1;
        // Without Redis the lease ends by itself.
        this.#store.put([...counts], false).catch(() => undefined);
        this.#forgetEmpty(tenantId, counts);
      },
    };
  }

  #countsFor(tenantId: string, userId: string): readonly Count[] {
    const tenantKey = `ws:conn:{${escapeSegment(tenantId)}}`;
    const limits = [
      { scope: 'user', key: `${tenantKey}:${escapeSegment(userId)}`, max: this.#limits.user },
      { scope: 'tenant', key: tenantKey, max: this.#limits.tenant },
    ] as const;
    const used = limits.filter(({ max }) => max > 0);
    if (used.length === 0) return [];
    const known = this.#byTenant.get(tenantId) ?? new Map<string, Count>();
    this.#byTenant.set(tenantId, known);
    return used.map((limit) => {
      const count = known.get(limit.key) ?? { ...limit, held: 0 };
      known.set(limit.key, count);
      return count;
    });
  }

  #forgetEmpty(tenantId: string, released: readonly Count[]): void {
    const known = this.#byTenant.get(tenantId);
    for (const { key, held } of released) if (held === 0) known?.delete(key);
    if (known?.size === 0) this.#byTenant.delete(tenantId);
  }
}
