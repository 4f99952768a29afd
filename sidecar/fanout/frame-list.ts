import { batchLength, batchOf, type WriteBatch } from './write-batch';
import type { Outgoing } from './frame';

/**
 * What came for a socket in one turn, in order: a list that is never changed. Sockets that got the same items in
 * the same turn hold the same run, so what is written to them is put together once.
 */
export class FrameList {
  /** Of all its items on the wire. */
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

  /** The run of no items that a turn's others grow from. */
  static empty(): FrameList {
    return new FrameList(undefined, undefined);
  }

  /** This run and one more item; the same run for every socket that asks in a row. */
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
    for (
      let run: FrameList | undefined = this.#previous === undefined ? undefined : this;
      run !== undefined;
      run = run.#previous
    ) {
      if (run.#item !== undefined) items.push(run.#item);
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
