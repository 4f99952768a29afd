import type { Kong } from '../kong';

/** A plugin made for one configuration. */
export interface PluginInstance {
  access(kong: Kong): Promise<void>;
  /** Called once Kong has closed it, or it had to go for a newer one: it is asked no more. */
  close?(): void;
}

/** How many instances are kept; the least recently used one goes first, and Kong starts it anew when it needs it. */
export const MAX_INSTANCES = 10_000;

const MAX_ID = 2 ** 31 - 1;

/**
 * The instances that Kong started. Ids are unguessable. After a restart old and new server live side by side behind one
 * pool of connections. An id that both know would answer with another configuration.
 */
export class Instances {
  readonly #instances = new Map<number, PluginInstance>();
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
  add(instance: PluginInstance): number {
    let id = 0;
    while (id === 0 || this.#instances.has(id)) id = this.#randomBelow(MAX_ID) + 1;
    this.#instances.set(id, instance);
    this.#evict();
    return id;
  }

  /** The instance with this id, now the most recently used, or undefined. */
  get(id: number): PluginInstance | undefined {
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
