/** How much a {@link Ring} keeps. */
export interface RingLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/**
 * The most recent items of a sequence, counted by offset: `start` is the oldest that is kept, `end` the one that
 * comes next. It keeps at most `maxItems` of them and at most `maxBytes`.
 */
export class Ring<Item> {
  readonly #limits: RingLimits;
  readonly #sizeOf: (item: Item) => number;
  readonly #slots: (Item | undefined)[] = [];
  #start: number;
  #end: number;
  #bytes = 0;

  /** @param firstOffset the offset of the first item that is pushed */
  constructor(limits: RingLimits, sizeOf: (item: Item) => number, firstOffset = 0) {
    this.#limits = limits;
    this.#sizeOf = sizeOf;
    this.#start = firstOffset;
    this.#end = firstOffset;
  }

  /** The offset of the oldest item kept; equal to {@link end} when there is none. */
  get start(): number {
    return this.#start;
  }

  /** The offset that the next item gets. */
  get end(): number {
    return this.#end;
  }

  /** The sum of the items' sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends an item; the oldest make room for it. */
  push(item: Item): void {
    if (this.#end - this.#start === this.#limits.maxItems) this.#evict();
    this.#slots[this.#end % this.#limits.maxItems] = item;
    this.#end += 1;
    this.#bytes += this.#sizeOf(item);
    while (this.#bytes > this.#limits.maxBytes) this.#evict();
  }

  /** Puts items before the oldest, as many of them as there is room for, the most recent first. */
  prepend(items: readonly Item[]): void {
    for (const item of items.toReversed()) {
      const bytes = this.#bytes + this.#sizeOf(item);
      if (this.#end - this.#start === this.#limits.maxItems || bytes > this.#limits.maxBytes) return;
      this.#start -= 1;
      this.#slots[this.#start % this.#limits.maxItems] = item;
      this.#bytes = bytes;
    }
  }

  /** Every item from `offset` on. @returns undefined when one of them is not kept or never was */
  since(offset: number): readonly Item[] | undefined {
    if (offset < this.#start || offset > this.#end) return undefined;
    const items: Item[] = [];
    for (let at = offset; at < this.#end; at += 1) items.push(this.#at(at));
    return items;
  }

  /** Forgets every item. Counting goes on. */
  clear(): void {
    this.#slots.length = 0;
    this.#start = this.#end;
    this.#bytes = 0;
  }

  #evict(): void {
    this.#bytes -= this.#sizeOf(this.#at(this.#start));
    this.#slots[this.#start % this.#limits.maxItems] = undefined;
    this.#start += 1;
  }

  #at(offset: number): Item {
    return this.#slots[offset % this.#limits.maxItems] as Item;
  }
}
