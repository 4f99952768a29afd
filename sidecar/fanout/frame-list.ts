import { batchLength, batchOf, type WriteBatch } from './write-batch';
import type { Outgoing } from './frame';

/**
 * The frames that came for a socket since the last flush, in order: a list that is never changed. Sockets that got the
 * same items since hold the same list, so the bytes to write are put together once.
 */
export class FrameList {
  /** The bytes of all its items on the wire. */
  readonly bytes: number;
  readonly #previous: FrameList | undefined;
  readonly #item: Outgoing | undefined;
  #longer: FrameList | undefined;
  #batches: readonly WriteBatch[] | undefined;

  private constructor(previous: FrameList | undefined, item: Outgoing | undefined) {
    this.#previous = previous;
    this.#item = item;
    this.bytes = (previous?.bytes ?? 0) + (item?.wire.length ?? 0);
  }

  /** The empty list, from which a flush's others grow. */
  static empty(): FrameList {
    return new FrameList(undefined, undefined);
  }

  /** This list and one more item; the same list for every socket that asks in a row. */
  with(item: Outgoing): FrameList {
    const longer = this.#longer;
    if (longer !== undefined && longer.#item === item) return longer;
    return (this.#longer = new FrameList(this, item));
  }

  /** The writes it takes. */
  get batches(): readonly WriteBatch[] {
    this.#batches ??= inBatches(this.#items());
    return this.#batches;
  }

  #items(): readonly Outgoing[] {
    const items: Outgoing[] = [];
    for (let list = this as FrameList | undefined; list !== undefined; list = list.#previous) {
      if (list.#item !== undefined) items.push(list.#item);
    }
    return items.reverse();
  }
}

function inBatches(items: readonly Outgoing[]): readonly WriteBatch[] {
  const batches: WriteBatch[] = [];
  for (let start = 0; start < items.length;) {
    const length = batchLength(items, start);
    batches.push(batchOf(items.slice(start, start + length)));
    start += length;
  }
  return batches;
}
