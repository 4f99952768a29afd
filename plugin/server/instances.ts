import type { Kong } from '../kong';

/** A plugin made for one configuration. */
export interface PluginInstance {
  access(kong: Kong): Promise<void>;
  /** Called once Kong has closed it, or it had to go for a newer one: it is asked no more. */
  close?(): void;
}

/** The instances as connections know them. An answer that another process gives is a promise. */
export interface InstanceBook {
  /** How many this process has. */
  readonly size: number;
  /** Starts one for a configuration, JSON in UTF-8, and gives it an id. */
  start(config: Buffer): number | Promise<number>;
  /** The instance with this id; undefined when it is known nowhere. */
  get(id: number): PluginInstance | undefined | Promise<PluginInstance | undefined>;
  /** Kong has closed it. */
  remove(id: number): void;
}

/** How many instances are kept; the least recently used one goes first, and Kong starts it anew when it needs it. */
export const MAX_INSTANCES = 10_000;

const MAX_ID = 2 ** 31 - 1;

/**
 * The instances that Kong started, or what is known of them. Ids are unguessable. After a restart old and new server live side by side behind one
 * pool of connections. An id that both know would answer with another configuration.
 */
export class Instances<T extends { close?(): void } = PluginInstance> {
  readonly #instances = new Map<number, T>();
  readonly #randomBelow: (limit: number) => number;
  readonly #max: number;

  /** @param randomBelow a cryptographically random integer from 0 to `limit` - 1 */
  constructor(randomBelow: (limit: number) => number, max = MAX_INSTANCES) {
    this.#randomBelow = randomBelow;
    this.#max = max;
  }

  get size(): number {
    return this.#instances.size;
  }

  /** Keeps an instance and returns its id, a positive int32. */
  add(instance: T): number {
    let id = 0;
    while (id === 0 || this.#instances.has(id)) id = this.#randomBelow(MAX_ID) + 1;
    this.put(id, instance);
    return id;
  }

  /** Keeps an instance whose id somebody else gave it. */
  put(id: number, instance: T): void {
    this.#instances.set(id, instance);
    this.#evict();
  }

  /** The instance with this id, now the most recently used, or undefined. */
  get(id: number): T | undefined {
    const instance = this.#instances.get(id);
    if (instance === undefined) return undefined;
    this.#instances.delete(id);
    this.#instances.set(id, instance);
    return instance;
  }

  /** Forgets an instance. */
  remove(id: number): void {
    const instance = this.#instances.get(id);
    this.#instances.delete(id);
    instance?.close?.();
  }

  #evict(): void {
    if (this.#instances.size <= this.#max) return;
    const [oldest] = this.#instances.keys();
    if (oldest !== undefined) this.remove(oldest);
  }
}
