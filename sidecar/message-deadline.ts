import { MessageProgress } from './message-progress';
import type { Timer, TimerWheel } from './timer-wheel';

/** What a deadline for messages works with. */
export interface MessageDeadlineContext {
  readonly wheel: TimerWheel;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a client may take from the first byte of a message to its last, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the bridge itself does not read on at the moment: then the client cannot finish. */
  readonly isPaused: () => boolean;
  /** Called when a message took too long. */
  readonly onLate: () => void;
}

/**
 * Bounds how long what came of an unfinished message is kept. Messages that come in one piece, as nearly all do, arm
 * nothing.
 */
export class MessageDeadline {
  readonly #context: MessageDeadlineContext;
  readonly #progress = new MessageProgress();
  #timer: Timer | undefined;
  /** The message that the timer is for, by how many were finished before it. */
  #timed = 0;

  constructor(context: MessageDeadlineContext) {
    this.#context = context;
  }

  /** What the client sent, as it comes. */
  read(chunk: Buffer): void {
    this.#progress.read(chunk);
    const { isUnfinished, finished } = this.#progress;
    if (this.#timer !== undefined && isUnfinished && finished === this.#timed) return;
    this.cancel();
    if (isUnfinished) this.#arm();
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
    const { wheel, now, timeoutMs, isPaused, onLate } = this.#context;
    this.#timed = this.#progress.finished;
    this.#timer = wheel.add(now() + timeoutMs, () => {
      this.#timer = undefined;
      if (isPaused()) this.#arm();
      else onLate();
    });
  }
}
