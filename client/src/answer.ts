import type { CompleteFrame } from '../../protocol/frames.ts';
import { Alarm } from './alarm.ts';
import type { ChatSettings } from './chat-options.ts';
import type { AnyObject } from './parse-frame.ts';

/**
 * The result at the end of an answer: the data of a `complete` frame, or all of another one that `isEnd` takes for the end.
 */
export type Completion = CompleteFrame['data'] & AnyObject;

/** The tokens of one answer, then its end. */
export type Tokens = AsyncGenerator<string, Completion, undefined>;

/** One answer, and what has come of it. */
export class Answer {
  /** That of its command; undefined where the frames of another's answer do not say it. */
  readonly id: string | undefined;
  /** Its frames carry its id. */
  isNamed = false;
  readonly #onRestart: () => void;
  readonly #silence: Alarm;
  readonly #timeoutMs: number;
  readonly #tokens: string[] = [];
  readonly #over = new AbortController();
  /** Its command was taken over: from then on something of it should come. */
  #isTaken = false;
  /** Its reader has some of its tokens. */
  #isRead = false;
  /** Returns the completion or throws why there is none. Once there is an outcome, tokens are nobody's. */
  #outcome: (() => Completion) | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param silent called when nothing of it came for `answerTimeoutMs`
   * @param onRestart called when it begins anew and some of its tokens were read
   */
  constructor(
    id: string | undefined,
    { clock, answerTimeoutMs }: ChatSettings,
    silent: () => void,
    onRestart: () => void,
  ) {
    this.id = id;
    this.#onRestart = onRestart;
    this.#timeoutMs = answerTimeoutMs;
    this.#silence = new Alarm(clock, silent);
  }

  /** Aborted once its reader has nothing to wait for. */
  get settled(): AbortSignal {
    return this.#over.signal;
  }

  /** Its service has its command. */
  begin(): void {
    this.#isTaken = true;
    this.listen();
  }

  /** Something of it should come from now on, or cannot. */
  listen(hears = true): void {
    this.#silence.set(hears && this.#isTaken ? this.#timeoutMs : undefined);
  }

  /** It begins anew. Tokens that nobody has read are dropped. */
  restart(): void {
    this.#tokens.length = 0;
    this.listen();
    if (!this.#isRead || this.#outcome) return;
    this.#isRead = false;
    this.#onRestart();
  }

  /** Takes a token. */
  take(token: string): void {
    if (this.#outcome) return;
    this.#tokens.push(token);
    this.#wake?.();
  }

  /** Tells its reader how it ends. The first outcome counts. */
  settle(outcome: () => Completion): void {
    this.#outcome ??= outcome;
    this.#over.abort();
    this.#wake?.();
  }

  /** Tells its reader why there is no end. */
  fail(cause: unknown): void {
    this.settle(() => {
      throw cause;
    });
  }

  /** Its tokens, for one reader. */
  async *read(): Tokens {
    for (;;) {
      const token = this.#tokens.shift();
      if (token !== undefined) {
        this.#isRead = true;
        yield token;
      } else if (this.#outcome) return this.#outcome();
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
