import type { ErrorFrame, StartFrame } from '../../protocol/frames.ts';
import { Answer, type Completion } from './answer.ts';
import { attempt } from './attempt.ts';
import { BridgeClientError } from './errors.ts';
import type { ChatSettings } from './chat-options.ts';
import { OthersAnswers } from './others-answers.ts';
import { isFrame, type AnyObject } from './parse-frame.ts';

/** How to ask. */
export interface AskOptions {
  /** Stops the answer once it is aborted: the service is told, and its reader gets the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called when a worker of the service died and another one begins the answer anew, after some of its tokens were read: those are no part
   * of it any more. Without this its reader gets `RESTARTED` then.
   */
  readonly onRestart?: (() => void) | undefined;
}

/** The ways in which answers need their client. */
export interface Asking {
  /** Sends the command of this id; fulfilled once it was taken over. */
  readonly start: () => Promise<void>;
  /** The answer is wanted no longer. */
  readonly cancel: () => void;
}

/**
 * The answers of one session. A service may say with the `id` of a frame which command it answers: then answers run side by
 * side. Frames without one do not say it: then answers come one after the other, and the next command waits until the answer
 * before it is over. It waits even for an answer whose reader broke off or was told of a gap. It waits no longer once
 * nothing of that answer has come for `answerTimeoutMs`.
 */
export class Answers {
  readonly #settings: ChatSettings;
  /** By their commands' ids, in the order of their commands. */
  readonly #running = new Map<string | undefined, Answer>();
  /** On their way as well, though nobody asked here. */
  readonly #others = new Map<string | undefined, Answer>();
  /** Ids of answers that were stopped here, and whose end has not come. */
  readonly #stopped = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  /** Whether the newest frame that belonged to an answer said to which. */
  #areNamed = false;

  /** Those whose commands are of others. */
  readonly others = new OthersAnswers();

  constructor(settings: ChatSettings) {
    this.#settings = settings;
  }

  /** Whether something should come. */
  get expected(): boolean {
    return this.#running.size > 0;
  }

  /** Waits its turn, and starts. @returns the answer, to be read */
  ask(id: string, { start, cancel }: Asking, { signal, onRestart }: AskOptions): Answer {
    const answer = this.#new(id, onRestart);
    const abort = (): void => {
      if (this.#running.get(id) === answer) cancel();
      // The rest comes under its id and is nobody's. A rest without id is waited for.
      if (answer.isNamed) this.#forsake(id);
      this.#fail(answer, signal?.reason, answer.isNamed);
    };
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { signal: answer.settled });
    this.#waiting.push(() => {
      if (!answer.settled.aborted) this.#start(answer, start);
    });
    this.#next();
    return answer;
  }

  /** Gives an object that a service published to its answer. An `error` frame always ends it. */
  take(frame: AnyObject): void {
    const answer = this.#answerOf(frame) ?? this.#othersOf(frame);
    if (!answer) return;
    if (isError(frame)) {
      const { code, message } = frame.data as ErrorFrame['data'];
      this.#fail(answer, new BridgeClientError(code, message));
      return;
    }
    const { tokenOf, isEnd } = this.#settings;
    try {
      if (frame.type === 'start' && Number((frame.data as StartFrame['data'] | null)?.attempt) > 1) {
        answer.restart();
        return;
      }
      const token = tokenOf(frame);
      if (token !== undefined) answer.take({ frame, token });
      if (token !== undefined || answer.isNamed) answer.listen();
      if (!isEnd(frame)) {
        if (token === undefined) answer.take({ frame, token });
        return;
      }
      answer.settle(() => completionOf(frame));
      this.#leave(answer);
    } catch (cause) {
      this.#fail(answer, cause);
    }
  }

  /** Frames come from now on, or do not: then no answer is expected. */
  listen(hears = true): void {
    for (const answer of this.#all()) answer.listen(hears);
  }

  /** Tells the readers of the answers on their way that they cannot be had whole. The rest of them is still to come. */
  interrupt(cause: BridgeClientError): void {
    for (const answer of this.#all()) answer.fail(cause);
  }

  /** Ends every answer. */
  end(cause: BridgeClientError): void {
    // Those that waited are begun meanwhile, and ended as well.
    for (const answer of this.#running.values()) this.#fail(answer, cause);
    for (const answer of this.#others.values()) this.#fail(answer, cause);
    this.others.end();
  }

  /** Whether an object ends an answer. */
  isEnd(frame: AnyObject): boolean {
    try {
      return isError(frame) || this.#settings.isEnd(frame);
    } catch {
      // It ends by that.
      return true;
    }
  }

  *#all(): Generator<Answer> {
    yield* this.#running.values();
    yield* this.#others.values();
  }

  #new(id: string | undefined, onRestart?: () => void): Answer {
    const silent = (): void => {
      this.#fail(answer, new BridgeClientError('TIMEOUT'));
    };
    // The rest under its id is another one, for who follows the answers of others.
    const restarted = (): void => {
      this.#fail(answer, new BridgeClientError('RESTARTED'), answer.isNamed);
    };
    const answer: Answer = new Answer(id, this.#settings, silent, onRestart ?? restarted);
    return answer;
  }

  /** The answer of others that a frame is of: one begins with a token, or with any frame that has an id. */
  #othersOf(frame: AnyObject): Answer | undefined {
    const id = idOf(frame);
    if (this.#isStopped(id, frame)) return undefined;
    if (!this.others.isFollowed && !this.#settings.resume) return undefined;
    const known = this.#others.get(id);
    // There is nobody to tell of what tokenOf throws.
    const begins =
      !this.isEnd(frame) && (id !== undefined || attempt(() => this.#settings.tokenOf(frame)) !== undefined);
    if (known || !begins) return known;
    const answer = this.#new(id);
    answer.isNamed = id !== undefined;
    this.#others.set(id, answer);
    answer.begin();
    this.others.add(answer);
    return answer;
  }

  /** More are not remembered than may run. */
  #forsake(id: string): void {
    const [oldest = ''] = this.#stopped.add(id);
    if (this.#stopped.size > this.#settings.maxPendingCommands) this.#stopped.delete(oldest);
  }

  /** Whether a frame is the rest of an answer that was stopped here. */
  #isStopped(id: string | undefined, frame: AnyObject): boolean {
    if (id === undefined || !this.#stopped.has(id)) return false;
    if (this.isEnd(frame)) this.#stopped.delete(id);
    return true;
  }

  #answerOf(frame: AnyObject): Answer | undefined {
    const id = idOf(frame);
    const isNamed = id !== undefined;
    const answer = isNamed
      ? this.#running.get(id)
      : [...this.#running.values()].find((running) => !running.isNamed);
    if (!answer) return undefined;
    answer.isNamed = this.#areNamed = isNamed;
    this.#next();
    return answer;
  }

  /** Sends the commands that need not wait any longer. */
  #next(): void {
    const most = this.#areNamed ? this.#settings.maxPendingCommands : 1;
    while (this.#running.size < most && this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  #start(answer: Answer, start: () => Promise<void>): void {
    this.#running.set(answer.id, answer);
    start().then(
      () => {
        if (this.#running.get(answer.id) === answer) answer.begin();
      },
      (cause: unknown) => {
        this.#fail(answer, cause);
      },
    );
  }

  /** @param isOver whether no more of it is waited for */
  #fail(answer: Answer, cause: unknown, isOver = true): void {
    answer.fail(cause);
    if (isOver) this.#leave(answer);
  }

  #leave(answer: Answer): void {
    answer.listen(false);
    if (this.#running.get(answer.id) === answer) this.#running.delete(answer.id);
    else if (this.#others.delete(answer.id)) this.others.forget(answer);
    this.#next();
  }
}

/** That of the command which a frame answers, where it says one. */
function idOf(frame: AnyObject): string | undefined {
  const id = isFrame(frame) ? frame['id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

function isError(frame: AnyObject): boolean {
  return isFrame(frame) && frame.type === 'error';
}

function completionOf(frame: AnyObject): Completion {
  return (frame.type === 'complete' && isFrame(frame) ? frame.data : frame) as Completion;
}
