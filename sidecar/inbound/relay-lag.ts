import { deferred } from '../lib/promises';

/** Once this share of the bytes that may be unheard is there, it is proven that they arrive. */
const PROVEN_SHARE = 1 / 4;

/** The bytes that one tenant has on the way. */
interface OfTenant {
  bytes: number;
  /** Those of them that the proof under way is about. */
  asked: number;
}

/**
 * How far the bridge is behind with its clients' messages to their peers. It counts the bytes that the bridge has
 * published, and that may still wait in Redis to be read by it. Redis cuts a subscriber that too much waits for. So a
 * tenant that has more than its share of too much on the way is held until it has arrived.
 */
export class RelayLag {
  readonly #maxBytes: number;
  readonly #prove: () => Promise<void>;
  /** The tenants that have some. */
  readonly #tenants = new Map<string, OfTenant>();
  #bytes = 0;
  #isProving = false;
  #arrival = deferred<undefined>();

  /**
   * @param maxBytes that may be on the way before tenants are held
   * @param prove resolves once all that was published before is heard, or will never be; does not reject
   */
  constructor(maxBytes: number, prove: () => Promise<void>) {
    this.#maxBytes = maxBytes;
    this.#prove = prove;
  }

  /** On the way, or not known to have arrived. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A message is published now. */
  published(tenantId: string, bytes: number): void {
    const own = this.#tenants.get(tenantId);
    if (own === undefined) this.#tenants.set(tenantId, { bytes, asked: 0 });
    else own.bytes += bytes;
    this.#bytes += bytes;
    if (!this.#isProving && this.#isWorthProving) void this.#proveArrival();
  }

  /** Whether too much is on the way, and its share of that, or more, is this tenant's. */
  holds(tenantId: string): boolean {
    if (this.#bytes < this.#maxBytes) return false;
    return (this.#tenants.get(tenantId)?.bytes ?? 0) >= this.#maxBytes / this.#tenants.size;
  }

  /** Resolves once this tenant is not held. */
  async released(tenantId: string): Promise<void> {
    while (this.holds(tenantId)) await this.#arrival.promise;
  }

  get #isWorthProving(): boolean {
    return this.#bytes >= this.#maxBytes * PROVEN_SHARE;
  }

  async #proveArrival(): Promise<void> {
    this.#isProving = true;
    while (this.#isWorthProving) {
      for (const own of this.#tenants.values()) own.asked = own.bytes;
      await this.#prove();
      for (const [tenantId, own] of this.#tenants) {
        this.#bytes -= own.asked;
        own.bytes -= own.asked;
        own.asked = 0;
        if (own.bytes === 0) this.#tenants.delete(tenantId);
      }
      const { resolve } = this.#arrival;
      this.#arrival = deferred<undefined>();
      resolve(undefined);
    }
    this.#isProving = false;
  }
}
