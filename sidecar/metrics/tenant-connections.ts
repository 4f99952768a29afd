import { Gauge, type Registry } from 'prom-client';

/** The label of every tenant that has none of its own. */
export const OTHER_TENANTS = 'other';

/**
 * Open connections by tenant, for at most `maxTenants` of them at a time. A tenant has a label of its own from its
 * first connection to its last, when one was free then.
 */
export class TenantConnections {
  readonly #maxTenants: number;
  readonly #byTenant = new Map<string, number>();
  #others = 0;

  /** @param maxTenants 0 exports nothing */
  constructor(maxTenants: number, registry: Registry) {
    this.#maxTenants = maxTenants;
    if (maxTenants === 0) return;
    const read = (): Iterable<[string, number]> => this.#counts();
    new Gauge({
      name: 'ws_bridge_tenant_connections',
      help: `Open WebSocket connections by tenant, "${OTHER_TENANTS}" for those beyond BRIDGE_METRICS_MAX_TENANTS; absent when that is 0.`,
      labelNames: ['tenant'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [tenant, count] of read()) this.set({ tenant }, count);
      },
    });
  }

  opened(tenant: string): void {
    const count = this.#byTenant.get(tenant);
    const isOwn = count !== undefined || this.#byTenant.size < this.#maxTenants;
    // A tenant of that name would be mistaken for all the others.
    if (!isOwn || tenant === OTHER_TENANTS) this.#others += 1;
    else this.#byTenant.set(tenant, (count ?? 0) + 1);
  }

  /** One that was opened before its tenant had a label counts as one of the label's: the sum stays right. */
  closed(tenant: string): void {
    const count = this.#byTenant.get(tenant);
    if (count === undefined) this.#others -= 1;
    else if (count === 1) this.#byTenant.delete(tenant);
    else this.#byTenant.set(tenant, count - 1);
  }

  *#counts(): Generator<[string, number]> {
    yield* this.#byTenant;
    yield [OTHER_TENANTS, this.#others];
  }
}
