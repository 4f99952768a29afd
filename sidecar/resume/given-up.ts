import { KeyedChain } from '../lib/keyed-chain';

/** So many are remembered, at most: about 200 bytes each. */
const MAX_REMEMBERED = 10_000;

/** The replay log that is asked for: of an owner, or the one with this epoch. */
export interface AskedLog {
  readonly owner: string;
  readonly epoch?: string;
}

/** Remembers which replay logs were given up lately because others needed their place. */
export class GivenUp {
  readonly #keys = new KeyedChain<string, true>();

  add({ owner, epoch }: Required<AskedLog>): void {
    for (const key of [owner, keyOf({ owner, epoch })]) this.#keys.set(key, true);
    this.#keys.deleteWhile(() => this.#keys.size > 2 * MAX_REMEMBERED);
  }

  has(asked: AskedLog): boolean {
    return this.#keys.has(keyOf(asked));
  }
}

function keyOf({ owner, epoch }: AskedLog): string {
  return epoch === undefined ? owner : `${epoch} ${owner}`;
}
