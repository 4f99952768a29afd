import { Chain, type Link } from './chain';

interface Entry<Key, Value> {
  readonly key: Key;
  readonly value: Value;
}

/** Values by key, in the order in which they were set last. The first one is found and taken out at one cost, however many there are. */
export class KeyedChain<Key, Value> {
  readonly #order = new Chain<Entry<Key, Value>>();
  readonly #links = new Map<Key, Link<Entry<Key, Value>>>();

  get size(): number {
    return this.#links.size;
  }

  get first(): Value | undefined {
    return this.#order.first?.value;
  }

  get(key: Key): Value | undefined {
    return this.#links.get(key)?.item.value;
  }

  has(key: Key): boolean {
    return this.#links.has(key);
  }

  /** Puts it last. */
  set(key: Key, value: Value): void {
    this.delete(key);
    this.#links.set(key, this.#order.append({ key, value }));
  }

  /** Does nothing for a key that is not there. */
  delete(key: Key): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    this.#links.delete(key);
    this.#order.remove(link);
  }

  /** Takes out the first ones, as long as their values pass. */
  deleteWhile(passes: (value: Value) => boolean): void {
    for (const { key } of this.#order.shiftWhile(({ value }) => passes(value))) this.#links.delete(key);
  }
}
