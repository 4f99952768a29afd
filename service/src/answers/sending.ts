import { answerError } from './answer-error';
import type { Held } from './held';
import type { Life } from './life';
import type { Outbox } from './outbox';

/** The frames of one answer that are on their way. */
export class Sending {
  readonly #outbox: Outbox;
  readonly #held: Held;
  readonly #life: Life;
  #unconfirmed = 0;
  #waiting: (() => void)[] = [];

  constructor(outbox: Outbox, held: Held, life: Life) {
    this.#outbox = outbox;
    this.#held = held;
    this.#life = life;
  }

  get unconfirmed(): number {
    return this.#unconfirmed;
  }

  /** Sends a frame. An answer of which Redis does not confirm one cannot be whole, and is stopped. */
  send(text: string): void {
    const { stop } = this.#held;
    // Others take over what a worker has that was paused for long: it sends nothing more.
    if (!this.#life.lives()) stop.abort();
    stop.signal.throwIfAborted();
    this.#unconfirmed += 1;
    const done = (refused: 'lost' | Error | undefined): void => {
      this.#unconfirmed -= 1;
      if (refused === 'lost') stop.abort();
      else if (refused !== undefined) stop.abort(answerError('UNAVAILABLE', refused));
      if (this.#unconfirmed === 0) for (const wake of this.#waiting.splice(0)) wake();
    };
    this.#outbox.add({ place: this.#held, text, life: this.#life, done });
  }

  /** Resolves when none is on its way. */
  settled(): Promise<void> {
    if (this.#unconfirmed === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
