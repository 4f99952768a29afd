import type { AssertedCaller } from '../../protocol/assertion';
import { MultiMap } from '../lib/multi-map';

/** Whose sockets are to be closed: a token's, a tenant's, or those of a tenant's user. */
export type Revocation =
  { readonly jti: string } | { readonly tenant: string; readonly user?: string | undefined };

/** Something that belongs to a caller, who stays the same. */
export interface OfCaller {
  readonly caller: Pick<AssertedCaller, 'identity' | 'tokenJti'>;
}

/**
 * Finds the items of the callers that a revocation means. It looks at those items and at nothing else, however many
 * others there are. A storm of revocations of one tenant would otherwise hold the event loop for all of them.
 */
export class CallerIndex<Item extends OfCaller> {
  readonly #byToken = new MultiMap<string, Item>();
  readonly #byTenant = new Map<string, MultiMap<string, Item>>();

  /** Tokens and tenants that have items: nothing of what is gone stays. */
  get size(): number {
    return this.#byToken.size + this.#byTenant.size;
  }

  add(item: Item): void {
    const { identity, tokenJti } = item.caller;
    if (tokenJti !== undefined) this.#byToken.add(tokenJti, item);
    let users = this.#byTenant.get(identity.tenantId);
    if (users === undefined) this.#byTenant.set(identity.tenantId, (users = new MultiMap()));
    users.add(identity.userId, item);
  }

  /** Does nothing when it is not there. */
  delete(item: Item): void {
    const { identity, tokenJti } = item.caller;
    if (tokenJti !== undefined) this.#byToken.delete(tokenJti, item);
    const users = this.#byTenant.get(identity.tenantId);
    users?.delete(identity.userId, item);
    if (users?.size === 0) this.#byTenant.delete(identity.tenantId);
  }

  /** Takes out what a revocation means: one that is repeated finds nothing. */
  take(revocation: Revocation): readonly Item[] {
    const meant = [...this.#meant(revocation)];
    for (const item of meant) this.delete(item);
    return meant;
  }

  #meant(revocation: Revocation): Iterable<Item> {
    if ('jti' in revocation) return this.#byToken.get(revocation.jti);
    const users = this.#byTenant.get(revocation.tenant);
    if (users === undefined) return [];
    return revocation.user === undefined ? users : users.get(revocation.user);
  }
}
