/** Counts bytes that are held. */
export interface ByteCount {
  add(bytes: number): void;
}

/** One owner's count, and that of all owners together. */
export interface ByteAccount extends ByteCount {
  readonly whole: ByteCount;
}

/** The bytes that a Buffer costs besides its own, with the object around it (measured: 300 to 450). */
export const BUFFER_OVERHEAD_BYTES = 400;

/**
 * Who keeps something that many may keep. Its bytes are counted once for each owner, however often that one keeps it,
 * and once in the whole. Kept a thousand times it takes no more memory than once.
 */
export class Keepers {
  readonly #bytes: number;
  #all = 0;
  /** Nearly always they are one owner's. */
  #first: ByteAccount | undefined;
  #firstCount = 0;
  #others: Map<ByteAccount, number> | undefined;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** One more keeps it. */
  keep(account: ByteAccount): void {
    if (this.#all === 0) {
      this.#first = account;
      account.whole.add(this.#bytes);
    }
    this.#all += 1;
    if (this.#change(account, 1) === 1) account.add(this.#bytes);
  }

  /** One keeps it no longer: once for each {@link keep}. */
  drop(account: ByteAccount): void {
    this.#all -= 1;
    if (this.#change(account, -1) === 0) account.add(-this.#bytes);
    if (this.#all === 0) account.whole.add(-this.#bytes);
  }

  /** @returns how often the owner keeps it then */
  #change(account: ByteAccount, by: 1 | -1): number {
    if (account === this.#first) return (this.#firstCount += by);
    this.#others ??= new Map();
    const count = (this.#others.get(account) ?? 0) + by;
    if (count === 0) this.#others.delete(account);
    else this.#others.set(account, count);
    return count;
  }
}
