import { RETURN_LIFETIME_MS } from '../../protocol/return-key';
import type { RedisNames } from '../redis/names';

/** How many users may come back, by the key of their returns. All keys are of one tenant. */
export type Grants = ReadonlyMap<string, number>;

/** The returns that all gatekeepers take. */
export interface ReturnStore {
  /** @throws when Redis is unreachable, or takes no writes */
  grant(grants: Grants, lifetimeMs: number): Promise<void>;
}

/** Keys in one call to Redis, at most. */
export const MAX_KEYS_PER_CALL = 200;

/**
 * Lets a user whose socket this bridge cut come back without a charge to the gatekeeper's limits (PROTOCOL.md §9). All grants
 * of a tenant in one turn of the event loop are one call. One that Redis does not take is lost: its client is charged.
 */
export class Returns {
  readonly #store: ReturnStore;
  readonly #names: RedisNames;
  readonly #onFailure: (error: unknown) => void;
  readonly #byTenant = new Map<string, Map<string, number>>();
  readonly #calls = new Set<Promise<void>>();
  #isScheduled = false;

  /** @param onFailure told of each call that Redis does not take */
  constructor(store: ReturnStore, names: RedisNames, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#names = names;
    this.#onFailure = onFailure;
  }

  /** Grants a user one return to a path. @returns false for a path that has none */
  grant(tenantId: string, userId: string, path: string): boolean {
    const key = this.#names.returns(tenantId, userId, path);
    if (key === undefined) return false;
    this.#add(tenantId, key);
    this.#schedule();
    return true;
  }

  /** Sends what was granted, at once. */
  flush(): void {
    this.#isScheduled = false;
    for (const [tenantId, grants] of this.#byTenant) this.#send(tenantId, grants);
  }

  /** Resolves when Redis has answered everything. */
  async settled(): Promise<void> {
    this.flush();
    await Promise.all(this.#calls);
  }

  #add(tenantId: string, key: string): void {
    const grants = this.#byTenant.get(tenantId) ?? new Map<string, number>();
    this.#byTenant.set(tenantId, grants);
    grants.set(key, (grants.get(key) ?? 0) + 1);
    if (grants.size === MAX_KEYS_PER_CALL) this.#send(tenantId, grants);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.flush();
    });
  }

  #send(tenantId: string, grants: Grants): void {
    this.#byTenant.delete(tenantId);
    const call = this.#store
      .grant(grants, RETURN_LIFETIME_MS)
      .catch(this.#onFailure)
      .finally(() => this.#calls.delete(call));
    this.#calls.add(call);
  }
}
