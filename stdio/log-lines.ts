/** Where lines go in the end. It never blocks. */
export interface LogTarget {
  /** Characters that it has taken and not yet written. */
  readonly unwritten: number;
  /** @param done called once the text is written, or with the reason why it never will be */
  write(text: string, done: (error?: Error) => void): void;
}

/** Lines are gathered and dropped by these. */
export interface LogLinesOptions {
  readonly target: LogTarget;
  /** Lines that come while so many characters are not written are dropped. */
  readonly maxUnwritten: number;
  /** The line that says how many lines are missing where it stands. */
  readonly notice: (dropped: number) => string;
  /** Calls back after this turn of the event loop. */
  readonly soon: (callback: () => void) => void;
}

/**
 * Lines on their way to a target that may stop taking them. The lines that wait are bounded. Lines over the bound are
 * dropped and counted, and a notice stands where they are missing. The lines of one turn of the event loop leave in one
 * write. In a storm of upgrades, each of which is a line, a write a line is a syscall more for each.
 */
export class LogLines {
  readonly #options: LogLinesOptions;
  #waiting: string[] = [];
  #waitingLength = 0;
  #isFull = false;
  #untold = 0;
  #dropped = 0;

  constructor(options: LogLinesOptions) {
    this.#options = options;
  }

  /** Lines that were dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Characters that came and are not written yet. */
  get unwritten(): number {
    return this.#waitingLength + this.#options.target.unwritten;
  }

  /** @param line with its line feed */
  write(line: string): void {
    // Until all is written every line is dropped: so the notice stands where they are missing.
    if (this.#isFull || this.unwritten + line.length > this.#options.maxUnwritten) {
      this.#isFull = this.unwritten > 0;
      this.#drop(1);
      return;
    }
    if (this.#waitingLength === 0) this.#flushSoon();
    this.#waiting.push(line);
    this.#waitingLength += line.length;
  }

  /** Hands the target what waits, now. */
  flush(): void {
    const lines = this.#waiting;
    // While lines are still being dropped the notice would stand before those that came first.
    const untold = this.#isFull ? 0 : this.#untold;
    if (lines.length === 0 && untold === 0) return;
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#untold -= untold;
    const notice = untold === 0 ? '' : this.#options.notice(untold);
    this.#options.target.write(`${notice}${lines.join('')}`, (error) => {
      if (error === undefined) {
        this.#onWritten();
        return;
      }
      this.#untold += untold;
      this.#drop(lines.length);
    });
  }

  /** Hands over everything, the notice as well: nothing comes any more. */
  finish(): void {
    this.flush();
    this.#isFull = false;
    this.flush();
  }

  #onWritten(): void {
    if (this.unwritten > 0) return;
    this.#isFull = false;
    if (this.#untold > 0) this.#flushSoon();
  }

  #flushSoon(): void {
    this.#options.soon(() => {
      this.flush();
    });
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#untold += lines;
  }
}
