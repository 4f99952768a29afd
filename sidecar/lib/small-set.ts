/** Things to go through, each once. */
export interface Members<Item> extends Iterable<Item> {
  readonly size: number;
}

/** More than this many are kept in a Set. */
const MAX_LISTED = 8;

/**
 * A set that has one item most of the time. An empty Set alone takes 200 bytes, and a bridge has several sets for each
 * of its sockets. It may be changed while somebody goes through it, who then may or may not see the change.
 */
export class SmallSet<Item> implements Members<Item> {
  #items: readonly Item[] | Set<Item>;

  constructor(items: readonly Item[] = []) {
    this.#items = [];
    for (const item of items) this.add(item);
  }

  get size(): number {
    return this.#items instanceof Set ? this.#items.size : this.#items.length;
  }

  add(item: Item): void {
    if (this.#items instanceof Set) this.#items.add(item);
    else if (!this.#items.includes(item)) {
      // Neither spread nor push: they would leave room for sixteen more.
      const items = this.#items.length === 0 ? [item] : this.#items.concat([item]);
      this.#items = items.length > MAX_LISTED ? new Set(items) : items;
    }
  }

  /** @returns whether it was there */
  delete(item: Item): boolean {
    if (this.#items instanceof Set) return this.#items.delete(item);
    if (!this.#items.includes(item)) return false;
    this.#items = this.#items.filter((other) => other !== item);
    return true;
  }

  /** Its items as they are now, whatever becomes of it. A list is never changed, so most cost no copy. */
  snapshot(): readonly Item[] {
    return this.#items instanceof Set ? [...this.#items] : this.#items;
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items[Symbol.iterator]();
  }
}
