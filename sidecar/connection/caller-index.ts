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

  /** @returns whether it was there */
  delete(item: Item): boolean {
    const { identity, tokenJti } = item.caller;
    if (tokenJti !== undefined) this.#byToken.delete(tokenJti, item);
    const users = this.#byTenant.get(identity.tenantId);
    const isDeleted = users?.delete(identity.userId, item) ?? false;
    if (users?.size === 0) this.#byTenant.delete(identity.tenantId);
    return isDeleted;
  }

  /**
   * Those among which are the ones that a revocation means, as they are now: {@link isMeant} tells them apart. A caller that goes
   * through them may let the loop in meanwhile.
   */
  among(revocation: Revocation): Iterable<Item> {
    if ('jti' in revocation) return [...this.#byToken.get(revocation.jti)];
    const { tenant, user } = revocation;
    const users = this.#byTenant.get(tenant);
    if (users === undefined) return [];
    return user === undefined ? users.snapshot() : [...users.get(user)];
  }
}

/** Whether a revocation means one of those among which it is looked for. */
export function isMeant(revocation: Revocation, item: OfCaller): boolean {
  if ('jti' in revocation) return true;
  if (revocation.path !== undefined && revocation.path !== item.path) return false;
  return revocation.except === undefined || revocation.except !== item.caller.tokenJti;
}
