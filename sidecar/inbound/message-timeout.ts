import { MessageProgress } from './message-progress';
import type { Timer, TimerWheel } from '../lib/timer-wheel';

/** What deadlines for messages work with. */
export interface MessageDeadlineContext {
  readonly wheel: TimerWheel;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
  /** How long a client may take from the first byte of a message to its last, in milliseconds. */
  readonly messageTimeoutMs: number;
}

/** Whose messages are bounded. */
export interface MessageReader {
  /** Whether the bridge itself does not read on at the moment: then the client cannot finish. */
  readonly isPaused: boolean;
  /** Called when a message took too long. */
  reset(): void;
}

/**
 * Bounds how long what came of an unfinished message is kept. Messages that come in one piece, as nearly all do, arm
 * nothing.
 */
export class MessageDeadline {
  readonly #context: MessageDeadlineContext;
  readonly #reader: MessageReader;
  readonly #progress = new MessageProgress();
  #timer: Timer | undefined;
  /** The message that the timer is for, by how many were finished before it. */
  #timed = 0;
  #continuationsTold = 0;

  constructor(context: MessageDeadlineContext, reader: MessageReader) {
    this.#context = context;
    this.#reader = reader;
  }

  /** What the client sent, as it comes. */
  read(chunk: Buffer): void {
    this.#progress.read(chunk);
    const { isUnfinished, finished } = this.#progress;
    if (this.#timer !== undefined && isUnfinished && finished === this.#timed) return;
    this.cancel();
    if (isUnfinished) this.#arm();
  }

  /** How many frames came, since this was asked last, that go on with a message. */
  takeContinuations(): number {
    const { continuations } = this.#progress;
    const more = continuations - this.#continuationsTold;
    this.#continuationsTold = continuations;
    return more;
  }

  /** The bridge reads on after a pause: what was begun has its whole time again. */
  restart(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#arm();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const { wheel, monotonicMs, messageTimeoutMs } = this.#context;
    this.#timed = this.#progress.finished;
    this.#timer = wheel.add(monotonicMs() + messageTimeoutMs, () => {
      this.#timer = undefined;
      if (this.#reader.isPaused) this.#arm();
      else this.#reader.reset();
    });
  }
}
