import type { ErrorFrame } from '../../protocol/frames.ts';
import { Answer, type Completion, type Tokens } from './answer.ts';
import { BridgeClientError } from './errors.ts';
import type { Settings } from './options.ts';
import { isFrame, type AnyObject } from './parse-frame.ts';

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
  readonly #settings: Settings;
  /** By their commands' ids, in the order of their commands. */
  readonly #running = new Map<string, Answer>();
  readonly #waiting: (() => void)[] = [];
  /** Whether the newest frame that belonged to an answer said to which. */
  #areNamed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Whether something should come. */
  get expected(): boolean {
    return this.#running.size > 0;
  }

  /** Waits its turn, starts, and iterates the tokens until the answer is complete. */
  ask(id: string, { start, cancel }: Asking, signal?: AbortSignal): Tokens {
    const answer = new Answer(id, this.#settings, () => {
      this.#fail(answer, new BridgeClientError('TIMEOUT'));
    });
    const abort = (): void => {
      answer.fail(signal?.reason);
      if (this.#running.get(id) !== answer) return;
      cancel();
      // The rest comes under its id and is nobody's. A rest without id is waited for.
      if (answer.isNamed) this.#leave(answer);
    };
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { signal: answer.settled });
    this.#waiting.push(() => {
      if (!answer.settled.aborted) this.#start(answer, start);
    });
    this.#next();
    return answer.read();
  }

  /** Gives an object that a service published to its answer. An `error` frame always ends it. */
  take(frame: AnyObject): void {
    const answer = this.#answerOf(frame);
    if (!answer) return;
    if (isFrame(frame) && frame.type === 'error') {
      const { code, message } = frame.data as ErrorFrame['data'];
      this.#fail(answer, new BridgeClientError(code, message));
      return;
    }
    const { tokenOf, isEnd } = this.#settings;
    try {
      const token = tokenOf(frame);
      if (token !== undefined) answer.take(token);
      if (token !== undefined || answer.isNamed) answer.listen();
      if (!isEnd(frame)) return;
      answer.settle(() => completionOf(frame));
      this.#leave(answer);
    } catch (cause) {
      this.#fail(answer, cause);
    }
  }

  /** Frames come from now on, or do not: then no answer is expected. */
  listen(hears = true): void {
    for (const answer of this.#running.values()) answer.listen(hears);
  }

  /** Tells the readers of the answers on their way that they cannot be had whole. The rest of them is still to come. */
  interrupt(cause: BridgeClientError): void {
    for (const answer of this.#running.values()) answer.fail(cause);
  }

  /** Ends every answer. */
  end(cause: BridgeClientError): void {
    // Those that waited are begun meanwhile, and ended as well.
    for (const answer of this.#running.values()) this.#fail(answer, cause);
  }

  #answerOf(frame: AnyObject): Answer | undefined {
    const id = isFrame(frame) ? frame['id'] : undefined;
    const isNamed = typeof id === 'string';
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

  #fail(answer: Answer, cause: unknown): void {
    answer.fail(cause);
    this.#leave(answer);
  }

  #leave(answer: Answer): void {
    answer.listen(false);
    this.#running.delete(answer.id);
    this.#next();
  }
}

function completionOf(frame: AnyObject): Completion {
  return (frame.type === 'complete' && isFrame(frame) ? frame.data : frame) as Completion;
}
