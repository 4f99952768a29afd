/** An item that waits for its turn. */
export interface Waiting {
  readonly tenant: string;
  /** Its memory, about. */
  readonly bytes: number;
}

/** How many may run at once. */
export interface Places {
  readonly concurrency: number;
  readonly tenantConcurrency: number;
}

interface Tenant<Item> {
  /** In the order in which they came. */
  readonly waiting: Set<Item>;
  running: number;
}

/**
 * Who runs next: one of each tenant in turn, and no more of a tenant than its places. So a tenant with a thousand waiting takes
 * from another no more than one turn.
 */
export class FairQueue<Item extends Waiting> {
  readonly #places: Places;
  readonly #tenants = new Map<string, Tenant<Item>>();
  /** Those that have something waiting and a place for it, the next first. */
  readonly #turns = new Set<string>();
  #waiting = 0;
  #bytes = 0;
  #running = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** The memory of all that waits. */
  get bytes(): number {
    return this.#bytes;
  }

  get running(): number {
    return this.#running;
  }

  /** The tenants that have no place for another one. */
  get full(): string[] {
    const { tenantConcurrency } = this.#places;
    return [...this.#tenants].filter(([, { running }]) => running >= tenantConcurrency).map(([name]) => name);
  }

  /** How many more may run. */
  get free(): number {
    return this.#places.concurrency - this.#running;
  }

  add(item: Item): void {
    this.#tenant(item.tenant).waiting.add(item);
    this.#waiting += 1;
    this.#bytes += item.bytes;
    this.#queue(item.tenant);
  }

  /** Takes the next one, which runs until {@link done}; undefined when none may. */
  next(): Item | undefined {
    if (this.free <= 0) return undefined;
    const [name] = this.#turns;
    if (name === undefined) return undefined;
    this.#turns.delete(name);
    const tenant = this.#tenant(name);
    const [item] = tenant.waiting;
    if (item === undefined) return undefined;
    this.#take(tenant, item);
    tenant.running += 1;
    this.#running += 1;
    this.#queue(name);
    return item;
  }

  /** One that ran is over. */
  done({ tenant: name }: Item): void {
    this.#tenant(name).running -= 1;
    this.#running -= 1;
    this.#queue(name);
  }

  /** Takes one out that waits. @returns whether it did */
  remove(item: Item): boolean {
    const tenant = this.#tenants.get(item.tenant);
    if (!tenant?.waiting.has(item)) return false;
    this.#take(tenant, item);
    this.#queue(item.tenant);
    return true;
  }

  /** Takes all out that wait. */
  clear(): Item[] {
    const items = [...this.#tenants.values()].flatMap(({ waiting }) => [...waiting]);
    for (const item of items) this.remove(item);
    return items;
  }

  #take(tenant: Tenant<Item>, item: Item): void {
    tenant.waiting.delete(item);
    this.#waiting -= 1;
    this.#bytes -= item.bytes;
  }

  #tenant(name: string): Tenant<Item> {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) this.#tenants.set(name, (tenant = { waiting: new Set(), running: 0 }));
    return tenant;
  }

  /** Gives a tenant its turn if it may have one, and forgets one of which nothing is left. */
  #queue(name: string): void {
    const { waiting, running } = this.#tenant(name);
    if (waiting.size === 0) {
      this.#turns.delete(name);
      if (running === 0) this.#tenants.delete(name);
    } else if (running < this.#places.tenantConcurrency) this.#turns.add(name);
  }
}
