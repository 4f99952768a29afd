import { allInTurns } from '../lib/promises';
import type { RedisNames } from '../redis/names';
import { TenantQuota, type QuotaLimit, type QuotaScope, type QuotaStore, type Permit } from './tenant-quota';

/** Open connections on all bridges together, at most; 0 for any number. */
export type QuotaLimits = Readonly<Record<QuotaScope, number>>;

/** How often a bridge says again what it holds, in milliseconds: a call may be lost, or two. */
export function announceIntervalMs(leaseMs: number): number {
  return leaseMs / 3;
}

/** Tenants whose counts are announced at once: those of 50,000 users together held the loop for a fifth of a second. */
export const ANNOUNCED_AT_ONCE = 8;

const UNLIMITED: Permit = { release: () => undefined };

/**
 * Caps on open connections, counted over all bridges. A bridge says how many it holds with every change and once in a
 * while. The permits of a dead bridge are free again when its lease is over.
 */
export class ConnectionQuota {
  readonly #store: QuotaStore;
  readonly #names: RedisNames;
  readonly #limits: QuotaLimits;
  readonly #byTenant = new Map<string, TenantQuota>();

  constructor(store: QuotaStore, names: RedisNames, limits: QuotaLimits) {
    this.#store = store;
    this.#names = names;
    this.#limits = limits;
  }

  /** How many limits this bridge holds permits of, or asks for one. */
  get size(): number {
    return [...this.#byTenant.values()].reduce((sum, tenant) => sum + tenant.size, 0);
  }

  /**
   * Takes a permit for a connection.
   * @returns whose limit has no room, when one has none
   * @throws when Redis is unreachable
   */
  acquire(tenantId: string, userId: string): Promise<Permit | QuotaScope> {
    const limits = this.#limitsOf(tenantId, userId);
    if (limits.length === 0) return Promise.resolve(UNLIMITED);
    return this.#tenant(tenantId).acquire(limits);
  }

  /**
   * Says what this bridge holds, so that it goes on counting, or counts again in a Redis that has lost it.
   * @throws when Redis is unreachable
   */
  async announce(): Promise<void> {
    await allInTurns([...this.#byTenant.values()], ANNOUNCED_AT_ONCE, (tenant) => tenant.announce());
  }

  /** Resolves when Redis has heard of everything, or cannot be reached. */
  async settled(): Promise<void> {
    await Promise.all([...this.#byTenant.values()].map((tenant) => tenant.settled()));
  }

  #limitsOf(tenantId: string, userId: string): readonly QuotaLimit[] {
    const { user, tenant } = this.#limits;
    const limits: QuotaLimit[] = [];
    const names = this.#names;
    if (user > 0) limits.push({ scope: 'user', key: names.userConnections(tenantId, userId), max: user });
    if (tenant > 0) limits.push({ scope: 'tenant', key: names.tenantConnections(tenantId), max: tenant });
    return limits;
  }

  #tenant(tenantId: string): TenantQuota {
    const known = this.#byTenant.get(tenantId);
    if (known !== undefined) return known;
    const tenant = new TenantQuota(this.#store, () => this.#byTenant.delete(tenantId));
    this.#byTenant.set(tenantId, tenant);
    return tenant;
  }
}
