import type { Pace } from './pace';
import { Run } from './run';

/** Something that frames wait in until the turn ends. */
export interface Waiting {
  /** Writes what waits. */
  flush(): void;
}

/**
 * Gathers what comes for sockets and ends with one write for each: at the end of the event loop's turn when the
 * loop has time, later when it is busy.
 */
export class Turn {
  readonly #pace: Pace;
  readonly #onWritten: (lagMs: number) => void;
  #waiting: Waiting[] = [];
  #empty = Run.empty();
  #beganAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onWritten told of the time from a turn's first frame to the last of its writes, in milliseconds */
  constructor(pace: Pace, onWritten: (lagMs: number) => void = () => undefined) {
    this.#pace = pace;
    this.#onWritten = onWritten;
  }

  /** Asks for {@link Waiting.flush} at the end of the turn. @returns the run of nothing, shared by all in this turn */
  join(waiting: Waiting): Run {
    if (this.#waiting.push(waiting) === 1) this.#begin();
    return this.#empty;
  }

  /** Ends the turn now. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    // What was put together is not kept longer than its turn.
    this.#empty = Run.empty();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waiting.length === 0) return;
    const fromMs = performance.now();
    for (const each of waiting) each.flush();
    const toMs = performance.now();
    this.#pace.wrote(fromMs, toMs);
    this.#onWritten(toMs - this.#beganAtMs);
  }

  #begin(): void {
    this.#beganAtMs = performance.now();
    const delayMs = this.#pace.delayMs(this.#beganAtMs);
    const end = (): void => {
      this.end();
    };
    if (delayMs > 0) this.#timer = setTimeout(end, delayMs);
    else setImmediate(end);
  }
}
