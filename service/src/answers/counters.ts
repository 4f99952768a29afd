/** A worker's counts since it was started. */
export interface AnswerCounts {
  /** Commands that wait for their turn here. */
  readonly waiting: number;
  /** Answers on their way. */
  readonly running: number;
  /** Commands that were read. */
  readonly read: number;
  /** Commands that were taken over of workers that died or stopped. */
  readonly takenOver: number;
  /** Commands that the stream evicted before the worker that had them answered. */
  readonly evicted: number;
  /** Commands that were left to other groups, and entries that are no commands. */
  readonly ignored: number;
  /** Answers that ended here: by `complete`, and by the code of their error. */
  readonly ended: Readonly<Record<string, number>>;
}

/** Counts what a worker does. */
export class Counters {
  read = 0;
  takenOver = 0;
  evicted = 0;
  ignored = 0;
  readonly #ended = new Map<string, number>();

  /** An answer ended. */
  count(outcome: string): void {
    this.#ended.set(outcome, (this.#ended.get(outcome) ?? 0) + 1);
  }

  get ended(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#ended);
  }
}
