import { Chain, type Link } from '../lib/chain';
import type { ByteAccount, ByteCount } from '../lib/keepers';
import { SizeOrder, type SizePlace } from '../lib/size-order';
import type { RingBound, RingVictim } from '../metrics/outcomes';

/** The most that all rings of a bridge may hold, in bytes as they are allocated. */
export interface RingBudgetLimits {
  readonly totalBytes: number;
  /** One tenant's. */
  readonly tenantBytes: number;
}

/** A ring, as something that can drop frames. */
export interface Droppable {
  /** Forgets its oldest block. */
  dropOldest(): void;
}

/** A replay log that lingers. */
export interface Lingerer {
  /** Forgets its frames, and keeps no more of them. */
  stopKeeping(): void;
}

/** The bytes of one tenant's rings: a frame that several of them keep counts once. */
export class TenantRings implements ByteAccount {
  readonly whole: ByteCount;
  /** Their blocks, the oldest first: each stands for its ring. */
  readonly blocks = new Chain<Droppable>();
  readonly lingering = new Chain<Lingering>();
  readonly tenant: string;
  readonly #budget: RingBudget;
  readonly #onChange: (rings: TenantRings) => void;
  /** Kept by the budget. */
  place: SizePlace<TenantRings> | undefined;
  streams = 0;
  #bytes = 0;

  constructor(tenant: string, budget: RingBudget, whole: ByteCount, onChange: (rings: TenantRings) => void) {
    this.tenant = tenant;
    this.whole = whole;
    this.#budget = budget;
    this.#onChange = onChange;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts bytes in this account only: the whole is counted apart, because some of them are there already. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#onChange(this);
  }

  /** Counts bytes that no other tenant holds. */
  hold(bytes: number): void {
    this.whole.add(bytes);
    this.add(bytes);
  }

  /** To be called once a frame was kept: drops others as long as there are too many. */
  settle(): void {
    this.#budget.settle(this);
  }
}

/** A replay log's stay in the order in which those that linger drop their frames. */
export class Lingering {
  readonly stream: Lingerer;
  readonly #rings: TenantRings;
  readonly #all: Chain<Lingering>;
  readonly #ofTenant: Link<Lingering>;
  readonly #ofAll: Link<Lingering>;

  constructor(stream: Lingerer, rings: TenantRings, all: Chain<Lingering>) {
    this.stream = stream;
    this.#rings = rings;
    this.#all = all;
    this.#ofTenant = rings.lingering.append(this);
    this.#ofAll = all.append(this);
  }

  /** It is held again, or discarded. Can be called more than once. */
  end(): void {
    this.#rings.lingering.remove(this.#ofTenant);
    this.#all.remove(this.#ofAll);
  }
}

/**
 * The bytes that the rings of a bridge hold together, never more than it may be once a frame was kept. When it is more,
 * replay logs that linger without a socket drop their frames first, those whose last client left first. They are the
 * tenant's when it is over its share, and anybody's when the whole is too much. Then rings of replay logs with sockets
 * drop their oldest frames: those of the tenant that is over its share, or that holds most. This costs no more than it
 * cost to keep the frames that went.
 */
export class RingBudget {
  readonly #limits: RingBudgetLimits;
  readonly #onGivenUp: (bound: RingBound, victim: RingVictim) => void;
  readonly #byTenant = new Map<string, TenantRings>();
  readonly #bySize = new SizeOrder<TenantRings>();
  readonly #lingering = new Chain<Lingering>();
  #bytes = 0;
  readonly #whole: ByteCount = {
    add: (bytes) => {
      this.#bytes += bytes;
    },
  };
  readonly #onChange = (rings: TenantRings): void => {
    rings.place = this.#bySize.put(rings, rings.bytes, rings.place);
  };

  /** @param onGivenUp told each time that a lingering replay log, or a block of an open one, drops its frames */
  constructor(
    limits: RingBudgetLimits,
    onGivenUp: (bound: RingBound, victim: RingVictim) => void = () => undefined,
  ) {
    this.#limits = limits;
    this.#onGivenUp = onGivenUp;
  }

  /** The bytes of all rings. A frame that several keep counts once. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many replay logs linger and still have their frames. */
  get lingering(): number {
    return this.#lingering.size;
  }

  /** How many tenants have replay logs. */
  get tenants(): number {
    return this.#byTenant.size;
  }

  /** The account of a tenant's rings, for one replay log more. */
  open(tenant: string): TenantRings {
    let rings = this.#byTenant.get(tenant);
    if (rings === undefined) {
      rings = new TenantRings(tenant, this, this.#whole, this.#onChange);
      this.#byTenant.set(tenant, rings);
    }
    rings.streams += 1;
    return rings;
  }

  /** A replay log is gone, with all its frames: once for each {@link open}. */
  close(rings: TenantRings): void {
    rings.streams -= 1;
    if (rings.streams === 0) this.#byTenant.delete(rings.tenant);
  }

  /** A replay log's last client left. */
  linger(stream: Lingerer, rings: TenantRings): Lingering {
    return new Lingering(stream, rings, this.#lingering);
  }

  /** @see TenantRings.settle */
  settle(rings: TenantRings): void {
    const { tenantBytes, totalBytes } = this.#limits;
    while (rings.bytes > tenantBytes && this.#giveUp('tenant', rings.lingering, rings));
    while (this.#bytes > totalBytes && this.#giveUp('total', this.#lingering, this.#bySize.largest));
  }

  /** @returns whether there was anything to drop */
  #giveUp(bound: RingBound, lingering: Chain<Lingering>, open: TenantRings | undefined): boolean {
    const first = lingering.first;
    const oldest = first === undefined ? open?.blocks.first : undefined;
    if (first === undefined && oldest === undefined) return false;
    first?.end();
    first?.stream.stopKeeping();
    oldest?.dropOldest();
    this.#onGivenUp(bound, first === undefined ? 'open' : 'lingering');
    return true;
  }
}
