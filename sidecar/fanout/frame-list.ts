import { batchLength, batchOf, type Batch } from './write-batch';
import type { Outgoing } from './frame';

/**
 * What came for a socket in one turn, in order: a list that is never changed. Sockets that got the same items in
 * the same turn hold the same run, so what is written to them is put together once.
 */
export class Run {
  /** Of all its items on the wire. */
  readonly bytes: number;
  readonly #previous: Run | undefined;
  readonly #item: Outgoing | undefined;
  #longer: Run | undefined;
  #batches: readonly Batch[] | undefined;

  private constructor(previous: Run | undefined, item: Outgoing | undefined) {
    this.#previous = previous;
    this.#item = item;
    this.bytes = (previous?.bytes ?? 0) + (item?.wire.length ?? 0);
  }

  /** The run of no items that a turn's others grow from. */
  static empty(): Run {
    return new Run(undefined, undefined);
  }

  /** This run and one more item; the same run for every socket that asks in a row. */
  with(item: Outgoing): Run {
    const longer = this.#longer;
    if (longer !== undefined && longer.#item === item) return longer;
    return (this.#longer = new Run(this, item));
  }

  /** The writes it takes. */
  get batches(): readonly Batch[] {
    this.#batches ??= inBatches(this.#items());
    return this.#batches;
  }

  #items(): readonly Outgoing[] {
    const items: Outgoing[] = [];
    for (
      let run: Run | undefined = this.#previous === undefined ? undefined : this;
      run !== undefined;
      run = run.#previous
    ) {
      if (run.#item !== undefined) items.push(run.#item);
    }
    return items.reverse();
  }
}

function inBatches(items: readonly Outgoing[]): readonly Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < items.length;) {
    const length = batchLength(items, start);
    batches.push(batchOf(items.slice(start, start + length)));
    start += length;
  }
  return batches;
}
