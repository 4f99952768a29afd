import { SmallSet } from './small-set';

/** Items by key, each once under it. A key that has one item, as most have, costs no set. */
export class MultiMap<Key, Item extends object> {
  readonly #items = new Map<Key, Item | SmallSet<Item>>();

  /** How many keys have items. */
  get size(): number {
    return this.#items.size;
  }

  /** The items of a key. It must not be changed while somebody goes through them. */
  get(key: Key): Iterable<Item> {
    const found = this.#items.get(key);
    if (found === undefined) return [];
    return found instanceof SmallSet ? found : [found];
  }

  add(key: Key, item: Item): void {
    const found = this.#items.get(key);
    if (found === undefined) this.#items.set(key, item);
    else if (found instanceof SmallSet) found.add(item);
    else if (found !== item) this.#items.set(key, new SmallSet([found, item]));
  }

  /** Does nothing when it is not there. */
  delete(key: Key, item: Item): void {
    const found = this.#items.get(key);
    if (found instanceof SmallSet) found.delete(item);
    else if (found !== item) return;
    if (!(found instanceof SmallSet) || found.size === 0) this.#items.delete(key);
  }

  /** The items of every key. It must not be changed while somebody goes through them. */
  *[Symbol.iterator](): IterableIterator<Item> {
    for (const key of this.#items.keys()) yield* this.get(key);
  }
}
