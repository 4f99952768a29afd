/** The topics of one tenant, the one that waits for longest first. */
type Topics = Set<string>;

/** Topics that are over their tenants' shares. The tenants take turns, so that nobody's waits for all of another's. */
export class DeferredTopics {
  readonly #tenantOf: (topic: string) => string;
  /** The tenant that had no turn for longest first. */
  readonly #byTenant = new Map<string, Topics>();

  constructor(tenantOf: (topic: string) => string) {
    this.#tenantOf = tenantOf;
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#byTenant.size === 0;
  }

  add(topic: string): void {
    const tenant = this.#tenantOf(topic);
    const topics = this.#byTenant.get(tenant) ?? new Set();
    this.#byTenant.set(tenant, topics.add(topic));
  }

  delete(topic: string): void {
    if (this.isEmpty) return;
    const tenant = this.#tenantOf(topic);
    const topics = this.#byTenant.get(tenant);
    if (topics?.delete(topic) === true && topics.size === 0) this.#byTenant.delete(tenant);
  }

  clear(): void {
    this.#byTenant.clear();
  }

  /** Takes so many out at most: one of each tenant, and again. */
  take(most: number): readonly string[] {
    const taken: string[] = [];
    // One pass over each: a Set passes over the places of all that was deleted on its way to the first one.
    let lanes = [...this.#byTenant].map(([tenant, topics]) => ({ tenant, topics, left: topics.values() }));
    while (lanes.length > 0 && taken.length < most) {
      lanes = lanes.slice(0, most - taken.length).filter((lane) => {
        const { value, done } = lane.left.next();
        if (done === true) return false;
        taken.push(value);
        this.#hadTurn(lane.tenant, lane.topics, value);
        return true;
      });
    }
    return taken;
  }

  #hadTurn(tenant: string, topics: Topics, topic: string): void {
    topics.delete(topic);
    this.#byTenant.delete(tenant);
    if (topics.size > 0) this.#byTenant.set(tenant, topics);
  }
}
