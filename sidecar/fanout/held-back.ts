import type { Outgoing } from './frame';

/**
 * All sockets of a bridge together hold back so much at most, in bytes. Messages over that are written at once, however
 * long it takes: the loop's time is worth less than the bridge's memory.
 */
export const MAX_HELD_BYTES = 33_554_432;
/** The bytes that a message costs each socket that holds it back, besides its own. */
const ENTRY_BYTES = 64;

/** Counts what sockets hold back: a message that many of them hold takes its memory once. */
export class HeldCount {
  readonly #maxBytes: number;
  readonly #holders = new Map<Outgoing, number>();
  #bytes = 0;

  constructor(maxBytes = MAX_HELD_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes;
  }

  /** One more socket holds it. */
  hold(item: Outgoing): void {
    const holders = this.#holders.get(item) ?? 0;
    this.#holders.set(item, holders + 1);
    this.#bytes += ENTRY_BYTES + (holders === 0 ? item.wire.length : 0);
  }

  /** A socket holds it no longer: once for each {@link hold}. */
  release(item: Outgoing): void {
    const holders = (this.#holders.get(item) ?? 1) - 1;
    if (holders === 0) this.#holders.delete(item);
    else this.#holders.set(item, holders);
    this.#bytes -= ENTRY_BYTES + (holders === 0 ? item.wire.length : 0);
  }
}

/**
 * The messages that a socket holds back until the loop has time for those before them, in order. Whether its client is
 * too slow is not known before.
 */
export class HeldBack<Entry extends { readonly item: Outgoing }> {
  readonly #count: HeldCount;
  #entries: Entry[] = [];
  #first = 0;

  constructor(count: HeldCount) {
    this.#count = count;
  }

  get isEmpty(): boolean {
    return this.#first === this.#entries.length;
  }

  /** The oldest. */
  get first(): Entry | undefined {
    return this.#entries[this.#first];
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#count.hold(entry.item);
  }

  /** @returns the oldest, which is no longer held then */
  take(): Entry | undefined {
    const { first: entry } = this;
    if (entry === undefined) return undefined;
    this.#first += 1;
    if (this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    this.#count.release(entry.item);
    return entry;
  }

  /** Forgets all. */
  clear(): void {
    while (this.take() !== undefined);
  }
}
