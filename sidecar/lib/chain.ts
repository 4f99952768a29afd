/** An item's place in a {@link Chain}, from which it can be taken out at once, wherever it is. */
export class Link<Item> {
  readonly item: Item;
  previous: Link<Item> | undefined;
  next: Link<Item> | undefined;
  isIn = true;

  constructor(item: Item) {
    this.item = item;
  }
}

/**
 * Items in an order, of which any can be taken out and the first one found at the same cost, however many there are. A Map
 * keeps the places of what was deleted, and passes over them on its way to the first.
 */
export class Chain<Item> {
  #first: Link<Item> | undefined;
  #last: Link<Item> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#first?.item;
  }

  append(item: Item): Link<Item> {
    const link = new Link(item);
    link.previous = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#size += 1;
    return link;
  }

  prepend(item: Item): Link<Item> {
    const link = new Link(item);
    link.next = this.#first;
    if (this.#first === undefined) this.#last = link;
    else this.#first.previous = link;
    this.#first = link;
    this.#size += 1;
    return link;
  }

  /** Takes the first one out. */
  shift(): Item | undefined {
    const first = this.#first;
    if (first !== undefined) this.remove(first);
    return first?.item;
  }

  /** Takes the first ones out, as long as they pass. */
  *shiftWhile(passes: (first: Item) => boolean): Generator<Item, undefined> {
    for (let first = this.#first; first !== undefined && passes(first.item); first = this.#first) {
      this.remove(first);
      yield first.item;
    }
  }

  /** Takes out what was put in here. Does nothing the second time. */
  remove(link: Link<Item>): void {
    if (!link.isIn) return;
    link.isIn = false;
    this.#size -= 1;
    const { previous, next } = link;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }
}
