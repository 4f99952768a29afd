import type { CompleteFrame, DataFrame } from '../../protocol/frames.ts';
import { BridgeClientError } from './errors.ts';

/** What a `complete` frame says. */
export type Completion = CompleteFrame['data'];

type Outcome = { readonly completion: Completion } | { readonly cause: unknown };

/** One answer on its way. */
class Answer {
  readonly start: () => Promise<void>;
  readonly tokens: string[] = [];
  outcome: Outcome | undefined;
  #wake: (() => void) | undefined;

  constructor(start: () => Promise<void>) {
    this.start = start;
  }

  wake(): void {
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, Completion, undefined> {
    for (;;) {
      const token = this.tokens.shift();
      if (token !== undefined) yield token;
      else if (!this.outcome) await new Promise<void>((resolve) => (this.#wake = resolve));
      else if ('cause' in this.outcome) throw this.outcome.cause;
      else return this.outcome.completion;
    }
  }
}

/**
 * The answers of one session, one after the other: frames do not say which command they answer, so the next command
 * waits until the answer before it is over, even one that nobody reads to its end.
 */
export class Answers {
  readonly #queue: Answer[] = [];

  /** Waits its turn, calls `start`, and iterates the tokens until the answer is complete. */
  ask(start: () => Promise<void>): AsyncGenerator<string, Completion, undefined> {
    const answer = new Answer(start);
    if (this.#queue.push(answer) === 1) this.#start(answer);
    return answer[Symbol.asyncIterator]();
  }

  /** Gives a frame to the answer on its way. */
  take(frame: DataFrame): void {
    const [answer] = this.#queue;
    if (!answer) return;
    switch (frame.type) {
      case 'token':
        answer.tokens.push(frame.data.token);
        answer.wake();
        return;
      case 'complete':
        this.#finish(answer, { completion: frame.data });
        return;
      case 'error':
        this.#finish(answer, { cause: new BridgeClientError(frame.data.code, frame.data.message) });
    }
  }

  /** Ends the answer on its way. */
  fail(cause: BridgeClientError): void {
    const [answer] = this.#queue;
    if (answer) this.#finish(answer, { cause });
  }

  #start(answer: Answer): void {
    answer.start().catch((cause: unknown) => {
      this.#finish(answer, { cause });
    });
  }

  #finish(answer: Answer, outcome: Outcome): void {
    if (this.#queue[0] !== answer) return;
    this.#queue.shift();
    answer.outcome = outcome;
    answer.wake();
    const next = this.#queue.at(0);
    if (next) this.#start(next);
  }
}
