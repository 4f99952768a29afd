import type { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import { lruCache } from '../lib/lru-cache';

/** The label of every tenant that has none of its own. */
export const OTHER_TENANTS = 'other';

/** A tenant that was not refused for so long gives up its label when another needs one, in milliseconds. */
export const LABEL_KEPT_MS = 3_600_000;

/** Upgrades refused with 429 by tenant, for at most `maxTenants` of them at a time. */
export class LimitedTenants {
  readonly #maxTenants: number;
  readonly #nowMs: () => number;
  readonly #counter: Counter;
  /** When each was refused last. */
  readonly #lastMs: LRUCache<string, number>;

  constructor(maxTenants: number, registry: Registry, nowMs: () => number) {
    this.#maxTenants = maxTenants;
    this.#nowMs = nowMs;
    this.#lastMs = lruCache(maxTenants);
    this.#counter = new Counter({
      name: 'ws_gatekeeper_limited_total',
      help: `Upgrades refused with 429 by tenant, "${OTHER_TENANTS}" for those beyond --metrics-max-tenants; absent when that is 0.`,
      labelNames: ['tenant'],
      registers: [registry],
    });
    this.#counter.inc({ tenant: OTHER_TENANTS }, 0);
  }

  count(tenant: string): void {
    this.#counter.inc({ tenant: this.#takeLabel(tenant, this.#nowMs()) ? tenant : OTHER_TENANTS });
  }

  #takeLabel(tenant: string, nowMs: number): boolean {
    // A tenant of that name would be mistaken for all the others.
    if (tenant === OTHER_TENANTS) return false;
    const isKnown = this.#lastMs.has(tenant);
    if (!isKnown && this.#lastMs.size >= this.#maxTenants && !this.#freeLabel(nowMs)) return false;
    this.#lastMs.set(tenant, nowMs);
    return true;
  }

  #freeLabel(nowMs: number): boolean {
    const [oldest] = this.#lastMs.rkeys();
    if (oldest === undefined || nowMs - (this.#lastMs.peek(oldest) ?? nowMs) < LABEL_KEPT_MS) return false;
    this.#lastMs.delete(oldest);
    this.#counter.remove({ tenant: oldest });
    return true;
  }
}
