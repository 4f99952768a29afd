import type { AssertedCaller } from '../../protocol/assertion';
import { MultiMap } from '../lib/multi-map';

/** Whose sockets an order means: a token's, or some of a tenant's. */
export type Revocation = { readonly jti: string } | RevocationInTenant;

/** Sockets of a tenant. */
export interface RevocationInTenant {
  readonly tenant: string;
  /** Only this user's. */
  readonly user?: string | undefined;
  /** Only those on this path, in its one spelling. */
  readonly path?: string | undefined;
  /** None of this token's. */
  readonly except?: string | undefined;
}

/** Something that belongs to a caller, who stays the same. */
export interface OfCaller {
  readonly caller: Pick<AssertedCaller, 'identity' | 'tokenJti'>;
  /** The path of its upgrade, in its one spelling. */
  readonly path: string;
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
    const meant = this.find(revocation);
    for (const item of meant) this.delete(item);
    return meant;
  }

  /** Finds what a revocation means, and leaves it there. */
  find(revocation: Revocation): readonly Item[] {
    if ('jti' in revocation) return [...this.#byToken.get(revocation.jti)];
    const { path, except } = revocation;
    const items = [...this.#ofUsers(revocation)];
    if (path === undefined && except === undefined) return items;
    return items.filter(
      (item) =>
        (path === undefined || item.path === path) &&
        (except === undefined || item.caller.tokenJti !== except),
    );
  }

  #ofUsers({ tenant, user }: RevocationInTenant): Iterable<Item> {
    const users = this.#byTenant.get(tenant);
    if (users === undefined) return [];
    return user === undefined ? users : users.get(user);
  }
}
