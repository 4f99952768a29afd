import { Breaker, BREAKER_FAILURES } from '../lib/breaker';

/** How many tenants are remembered whose questions got no response; the one that failed first goes first. */
export const MAX_FAILED_TENANTS = 1000;

/**
 * Stops the asking of a host that does not respond, for a tenant by itself at first: a policy may take too long for one of them alone. Once
 * questions of several tenants in a row got no response, nobody asks.
 */
export class HostBreaker {
  readonly #nowMs: () => number;
  readonly #onChange: (open: boolean) => void;
  readonly #everybody: Breaker;
  readonly #tenants = new Map<string, Breaker>();
  /** Those whose questions got no response since the last one that did. */
  readonly #failed = new Set<string>();
  #open = 0;

  /**
   * @param nowMs a monotonic clock, milliseconds
   * @param onChange told when the asking ends, for a tenant or for all, and when nobody is kept from it any more
   */
  constructor(nowMs: () => number, onChange: (open: boolean) => void) {
    this.#nowMs = nowMs;
    this.#onChange = onChange;
    this.#everybody = this.#newBreaker();
  }

  /** Whether this tenant may not ask at present. */
  isShut(tenant: string): boolean {
    return this.#everybody.isShut || this.#tenants.get(tenant)?.isShut === true;
  }

  /** Whether this tenant's caller may ask. Where asking has ended, one caller a while may. */
  mayAsk(tenant: string): boolean {
    if (this.isShut(tenant)) return false;
    const own = this.#tenants.get(tenant);
    return this.#everybody.mayAsk() && (own === undefined || own.mayAsk());
  }

  succeeded(tenant: string): void {
    this.#failed.clear();
    this.#everybody.succeeded();
    this.#forget(tenant);
  }

  failed(tenant: string): void {
    this.#ofTenant(tenant).failed();
    if (this.#failed.has(tenant) || this.#failed.size >= BREAKER_FAILURES) return;
    this.#failed.add(tenant);
    this.#everybody.failed();
  }

  #ofTenant(tenant: string): Breaker {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    const [first] = this.#tenants.keys();
    if (first !== undefined && this.#tenants.size >= MAX_FAILED_TENANTS) this.#forget(first);
    const made = this.#newBreaker();
    this.#tenants.set(tenant, made);
    return made;
  }

  #forget(tenant: string): void {
    this.#tenants.get(tenant)?.succeeded();
    this.#tenants.delete(tenant);
  }

  #newBreaker(): Breaker {
    return new Breaker(this.#nowMs, (open) => {
      this.#open += open ? 1 : -1;
      if (this.#open === (open ? 1 : 0)) this.#onChange(open);
    });
  }
}
