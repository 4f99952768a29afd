import type { CompleteFrame, ErrorFrame } from '../../protocol/frames.ts';
import { Alarm } from './alarm.ts';
import { BridgeClientError } from './errors.ts';
import type { Settings } from './options.ts';
import { isFrame, type AnyObject } from './parse-frame.ts';

/**
 * The result at the end of an answer: the data of a `complete` frame, or all of another one that `isEnd` takes for the end.
 */
export type Completion = CompleteFrame['data'] & AnyObject;

/** One answer on its way. */
class Answer {
  readonly start: () => Promise<void>;
  /** Its command was taken over: from then on something of it should come. */
  taken = false;
  readonly #tokens: string[] = [];
  /** Returns the completion or throws why there is none. Once there is an outcome, tokens are nobody's. */
  #outcome: (() => Completion) | undefined;
  #wake: (() => void) | undefined;

  constructor(start: () => Promise<void>) {
    this.start = start;
  }

  take(token: string): void {
    if (this.#outcome) return;
    this.#tokens.push(token);
    this.#wake?.();
  }

  /** The first outcome counts. */
  settle(outcome: () => Completion): void {
    this.#outcome ??= outcome;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<string, Completion, undefined> {
    for (;;) {
      const token = this.#tokens.shift();
      if (token !== undefined) yield token;
      else if (this.#outcome) return this.#outcome();
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/**
 * The answers of one session, one after the other. Frames do not say which command they answer, so the next command waits
 * until the answer before it is over. It waits even for an answer whose reader broke off or was told of a gap. It waits no
 * longer once nothing of that answer has come for `answerTimeoutMs`.
 */
export class Answers {
  readonly #settings: Settings;
  readonly #queue: Answer[] = [];
  readonly #silence: Alarm;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#silence = new Alarm(settings.clock, () => {
      this.end(new BridgeClientError('TIMEOUT'));
    });
  }

  /** Whether something should come. */
  get expected(): boolean {
    return this.#queue.length > 0;
  }

  /** Waits its turn, calls `start`, and iterates the tokens until the answer is complete. */
  ask(start: () => Promise<void>): AsyncGenerator<string, Completion, undefined> {
    const answer = new Answer(start);
    if (this.#queue.push(answer) === 1) this.#start(answer);
    return answer.read();
  }

  /** Gives an object that a service published to the answer on its way. An `error` frame always ends it. */
  take(frame: AnyObject): void {
    const [answer] = this.#queue;
    if (!answer) return;
    if (isFrame(frame) && frame.type === 'error') {
      const { code, message } = frame.data as ErrorFrame['data'];
      this.end(new BridgeClientError(code, message));
      return;
    }
    try {
      const token = this.#settings.tokenOf(frame);
      if (token !== undefined) answer.take(token);
      if (this.#settings.isEnd(frame)) this.#finish(() => completionOf(frame));
      else if (token !== undefined) this.listen();
    } catch (cause) {
      this.end(cause);
    }
  }

  /** Frames come from now on, or do not: then no answer is expected. */
  listen(hears = true): void {
    this.#silence.set(hears && this.#queue[0]?.taken ? this.#settings.answerTimeoutMs : undefined);
  }

  /** Tells the reader of the answer on its way that it cannot be had whole. The rest of it is still to come. */
  interrupt(cause: BridgeClientError): void {
    this.#queue[0]?.settle(thrower(cause));
  }

  /** Ends the answer on its way. */
  end(cause: unknown): void {
    this.#finish(thrower(cause));
  }

  #start(answer: Answer): void {
    answer.start().then(
      () => {
        answer.taken = true;
        this.listen();
      },
      (cause: unknown) => {
        if (this.#queue[0] === answer) this.end(cause);
      },
    );
  }

  #finish(outcome: () => Completion): void {
    this.#queue.shift()?.settle(outcome);
    this.listen();
    const [next] = this.#queue;
    if (next) this.#start(next);
  }
}

function completionOf(frame: AnyObject): Completion {
  return (frame.type === 'complete' && isFrame(frame) ? frame.data : frame) as Completion;
}

function thrower(cause: unknown): () => never {
  return () => {
    throw cause;
  };
}
