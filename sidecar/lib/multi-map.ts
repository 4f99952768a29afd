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

  /** @returns whether it was there */
  delete(key: Key, item: Item): boolean {
    const found = this.#items.get(key);
    if (!(found instanceof SmallSet)) return found === item && this.#items.delete(key);
    const isDeleted = found.delete(item);
    if (found.size === 0) this.#items.delete(key);
    return isDeleted;
  }

  /** The items as they are now, key by key, whatever becomes of it. To take them is quick; to go through them takes as long as they are many. */
  snapshot(): Iterable<Item> {
    // Copied in one go: with a function for each it would take five times as long.
    const groups: (Item | readonly Item[] | SmallSet<Item>)[] = [...this.#items.values()];
    for (const [at, group] of groups.entries()) if (group instanceof SmallSet) groups[at] = group.snapshot();
    return inTurn(groups as (Item | readonly Item[])[]);
  }
}

function* inTurn<Item extends object>(groups: readonly (Item | readonly Item[])[]): Generator<Item> {
  for (const group of groups) {
    if (isList(group)) yield* group;
    else yield group;
  }
}

/** An item of ours is no list. */
function isList<Item extends object>(group: Item | readonly Item[]): group is readonly Item[] {
  return Array.isArray(group);
}
