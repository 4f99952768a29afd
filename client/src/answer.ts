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

/** A frame of an answer, and the token that it brings. */
export interface AnswerPart {
  readonly frame: AnyObject;
  readonly token: string | undefined;
}

/** The parts of one answer, then its end. The last frame is a part only where it brings a token. */
export type Parts = AsyncGenerator<AnswerPart, Completion, undefined>;

/** A timer that rings by so much too late rings in a page that slept, or that its browser had stopped. */
const SLEPT_MS = 1_000;

/** One answer, and what has come of it. */
export class Answer {
  /** That of its command; undefined where the frames of another's answer do not say it. */
  readonly id: string | undefined;
  /** Its frames carry its id. */
  isNamed = false;
  readonly #onRestart: () => void;
  readonly #silence: Alarm;
  readonly #timeoutMs: number;
  readonly #monotonicNow: () => number;
  /** When its silence is too long. */
  #dueMs = Infinity;
  /** The page slept in this silence. */
  #hasSlept = false;
  readonly #parts: AnswerPart[] = [];
  readonly #over = new AbortController();
  /** Its command was taken over: from then on something of it should come. */
  #isTaken = false;
  /** Its reader has some of it. */
  #isRead = false;
  /** Returns the completion or throws why there is none. Once there is an outcome, parts are nobody's. */
  #outcome: (() => Completion) | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param silent called when nothing of it came for `answerTimeoutMs`
   * @param onRestart called when it begins anew and some of it was read
   */
  constructor(
    id: string | undefined,
    { clock, answerTimeoutMs, monotonicNow }: ChatSettings,
    silent: () => void,
    onRestart: () => void,
  ) {
    this.id = id;
    this.#onRestart = onRestart;
    this.#timeoutMs = answerTimeoutMs;
    this.#monotonicNow = monotonicNow;
    this.#silence = new Alarm(clock, () => {
      if (this.#slept()) this.#wait(true);
      else silent();
    });
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
    this.#hasSlept = false;
    this.#wait(hears);
  }

  #wait(hears: boolean): void {
    this.#dueMs = this.#monotonicNow() + this.#timeoutMs;
    this.#silence.set(hears && this.#isTaken ? this.#timeoutMs : undefined);
  }

  /**
   * Whether the page slept, and has to hear first what came meanwhile, or to notice that its connection is gone. It counts
   * once: a browser may have every timer of a hidden page ring too late.
   */
  #slept(): boolean {
    if (this.#hasSlept) return false;
    return (this.#hasSlept = this.#monotonicNow() - this.#dueMs > SLEPT_MS);
  }

  /** It begins anew. Parts that nobody has read are dropped. */
  restart(): void {
    this.#parts.length = 0;
    this.listen();
    if (!this.#isRead || this.#outcome) return;
    this.#isRead = false;
    this.#onRestart();
  }

  /** Takes a part. */
  take(part: AnswerPart): void {
    if (this.#outcome) return;
    this.#parts.push(part);
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
  tokens(): Tokens {
    return this.#read(({ token }) => token);
  }

  /** Its parts, for one reader. */
  parts(): Parts {
    return this.#read((part) => part);
  }

  async *#read<Item>(
    itemOf: (part: AnswerPart) => Item | undefined,
  ): AsyncGenerator<Item, Completion, undefined> {
    for (;;) {
      const part = this.#parts.shift();
      const item = part && itemOf(part);
      if (item !== undefined) {
        this.#isRead = true;
        yield item;
      } else if (!part && this.#outcome) return this.#outcome();
      else if (!part) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
