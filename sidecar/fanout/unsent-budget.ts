import type { UnsentBound } from '../metrics/outcomes';

/** The most bytes that may wait for all clients of a bridge that take no more. */
export interface UnsentLimits {
  readonly totalBytes: number;
  /** One tenant's. */
  readonly tenantBytes: number;
}

/** The bytes that wait for one client. */
export class Unsent {
  readonly #budget: UnsentBudget;
  readonly #tenant: string;
  #bytes = 0;

  constructor(budget: UnsentBudget, tenant: string) {
    this.#budget = budget;
    this.#tenant = tenant;
  }

  /** So much of it waits now; 0 gives all back. */
  set(bytes: number): void {
    if (bytes === this.#bytes) return;
    this.#budget.change(this.#tenant, bytes - this.#bytes);
    this.#bytes = bytes;
  }

  /** Which bound its tenant is over; undefined for a client that nothing waits for, whatever the others do. */
  get over(): UnsentBound | undefined {
    return this.#bytes === 0 ? undefined : this.#budget.over(this.#tenant);
  }
}

/**
 * Counts by tenant what waits in a bridge for clients that take no more. A tenant over its share meets it with every
 * client that something waits for. When all together have too much, tenants with more than an equal part of it meet it.
 * A tenant with less never pays for another. A frame that waits for many counts for each of them, though uncopied it
 * takes memory once.
 */
export class UnsentBudget {
  readonly #limits: UnsentLimits;
  readonly #byTenant = new Map<string, number>();
  #bytes = 0;

  constructor(limits: UnsentLimits) {
    this.#limits = limits;
  }

  /** The bytes of all clients. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many tenants have clients that something waits for. */
  get tenants(): number {
    return this.#byTenant.size;
  }

  /** For a client that something begins to wait for. */
  open(tenant: string): Unsent {
    return new Unsent(this, tenant);
  }

  /** @see Unsent.set */
  change(tenant: string, bytes: number): void {
    const own = (this.#byTenant.get(tenant) ?? 0) + bytes;
    if (own === 0) this.#byTenant.delete(tenant);
    else this.#byTenant.set(tenant, own);
    this.#bytes += bytes;
  }

  /** @see Unsent.over */
  over(tenant: string): UnsentBound | undefined {
    const bytes = this.#byTenant.get(tenant) ?? 0;
    const { tenantBytes, totalBytes } = this.#limits;
    if (bytes > tenantBytes) return 'tenant';
    const isTooMuch = this.#bytes > totalBytes && bytes * this.#byTenant.size > totalBytes;
    return isTooMuch ? 'total' : undefined;
  }
}
