import { ByteMeter, type ByteRate } from './byte-rate';

/** How many bytes a socket, a user and a tenant may send on this bridge. */
export interface OwnerRates {
  readonly socket: ByteRate;
  readonly user: ByteRate;
  readonly tenant: ByteRate;
}

/** By what the bytes are for. */
export interface ByteRates {
  readonly commands: OwnerRates;
  readonly relay: OwnerRates;
}

/**
 * The bytes that a message counts for its user and its tenant beside its own. The shortest one costs a call of Redis,
 * its entry and its answer as well. A socket has a rate of messages for that.
 */
export const MESSAGE_OVERHEAD_BYTES = 256;

/**
 * The bytes that each frame of a message but the first counts beside its own: the shortest one must be read like any
 * other.
 */
export const FRAME_OVERHEAD_BYTES = 64;

/** The same rates, with bursts that let the largest message through. */
export function withRoomFor(largest: number, { socket, user, tenant }: OwnerRates): OwnerRates {
  const roomy = ({ perSecond, burst }: ByteRate, bytes: number): ByteRate => ({
    perSecond,
    burst: Math.max(burst, bytes),
  });
  const counted = largest + MESSAGE_OVERHEAD_BYTES;
  return { socket: roomy(socket, largest), user: roomy(user, counted), tenant: roomy(tenant, counted) };
}

/** Owners without a socket that one {@link ByteOwners.forgetIdle} looks at, at most. */
export const MAX_LOOKED_AT = 200;

interface Owner {
  readonly key: string;
  readonly meter: ByteMeter;
  holders: number;
}

/** The meters of a socket's user and tenant, from {@link ByteOwners.join}. */
export interface ByteAccount {
  readonly user: ByteMeter;
  readonly tenant: ByteMeter;
  /** Once, when the socket is gone. */
  leave(): void;
}

/**
 * The bytes of users and tenants. Who leaves is remembered until its level is back at 0, so that a new connection is no new
 * allowance, and then forgotten.
 */
export class ByteOwners {
  readonly rates: OwnerRates;
  readonly #owners = new Map<string, Owner>();
  /** Those without a socket. */
  readonly #left = new Set<Owner>();

  constructor(rates: OwnerRates) {
    this.rates = rates;
  }

  /** Users and tenants that have a socket here. */
  get inUse(): number {
    return this.#owners.size - this.#left.size;
  }

  /** All that are remembered. */
  get size(): number {
    return this.#owners.size;
  }

  join(tenantId: string, userId: string): ByteAccount {
    const user = this.#hold(JSON.stringify([tenantId, userId]), this.rates.user);
    const tenant = this.#hold(JSON.stringify([tenantId]), this.rates.tenant);
    const leave = (): void => {
      this.#letGo(user);
      this.#letGo(tenant);
    };
    return { user: user.meter, tenant: tenant.meter, leave };
  }

  /** Forgets owners without a socket that have nothing left to drain: a few at a time, so that it takes no time. */
  forgetIdle(nowMs: number): void {
    let looks = Math.min(MAX_LOOKED_AT, this.#left.size);
    for (const owner of this.#left) {
      if (looks-- === 0) return;
      this.#left.delete(owner);
      if (owner.meter.isIdle(nowMs)) this.#owners.delete(owner.key);
      else this.#left.add(owner);
    }
  }

  #hold(key: string, rate: ByteRate): Owner {
    const owner = this.#owners.get(key) ?? { key, meter: new ByteMeter(rate), holders: 0 };
    this.#owners.set(key, owner);
    this.#left.delete(owner);
    owner.holders += 1;
    return owner;
  }

  #letGo(owner: Owner): void {
    owner.holders -= 1;
    if (owner.holders === 0) this.#left.add(owner);
  }
}
