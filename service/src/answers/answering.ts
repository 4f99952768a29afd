import { setTimeout as delay } from 'node:timers/promises';
import { AnswerError, answerError } from './answer-error';
import type { AnswerRecords } from './answer-records';
import { addedMs } from './command';
import type { CommandGroup } from './command-group';
import type { Counters } from './counters';
import { FrameWriter, type AnswerPart } from './frames';
import type { Held } from './held';
import type { Life } from './life';
import { LONGEST_TIMER_MS } from './longest-timer';
import type { Answerer, AnsweringSettings } from './options';
import type { Outbox } from './outbox';
import { Sending } from './sending';
import { orAborted } from './or-aborted';
import type { Unheard } from './unheard';

/** How many frames of one answer are on their way before its handler is asked for more. */
const MAX_UNCONFIRMED = 256;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

/** All that an answer needs. */
export interface Surroundings {
  readonly group: CommandGroup;
  readonly records: AnswerRecords;
  readonly outbox: Outbox;
  readonly answerers: ReadonlyMap<string, Answerer>;
  readonly unheard: Unheard;
  readonly settings: AnsweringSettings;
  readonly counters: Counters;
  readonly monotonicMs: () => number;
}

interface LastFrame {
  readonly text: string;
  /** `complete`, or the code of the error. */
  readonly outcome: string;
}

/** The counts of an answer, for its report. */
interface Told {
  frames: number;
  firstFrameMs: number | undefined;
}

/** Answers commands, each from its beginning to its one last frame. */
export class Answering {
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** @returns whether nothing of it is left; otherwise its command is still to be answered, by this worker or another */
  async answer(held: Held, life: Life): Promise<boolean> {
    const { records, settings, counters, monotonicMs } = this.#around;
    const attempt = await this.#insist(life, () => records.begin(held));
    if (attempt === undefined) return false;
    if (attempt === 'lost') return true;
    if (attempt === 'ended') return this.#acknowledge(held, life);
    const told: Told = { frames: 0, firstFrameMs: undefined };
    const last = await this.#lastFrame(held, life, attempt, told);
    if (last === undefined) return false;
    const ended = await this.#insist(life, () => records.end(held, last.text));
    if (ended === undefined) return false;
    if (ended.isMine) {
      counters.count(last.outcome);
      const totalMs = monotonicMs() - held.readAtMs;
      settings.onAnswer({ command: held.command, outcome: last.outcome, attempt, ...told, totalMs });
    }
    return ended.isOpen ? this.#acknowledge(held, life) : true;
  }

  /** @returns undefined when no frame may be published any more */
  async #lastFrame(held: Held, life: Life, attempt: number, told: Told): Promise<LastFrame | undefined> {
    const writer = new FrameWriter(held.command.id);
    const sending = new Sending(this.#around.outbox, held, life);
    const answerer = this.#around.answerers.get(held.command.type);
    try {
      held.stop.signal.throwIfAborted();
      if (answerer === undefined) throw answerError('UNKNOWN_COMMAND');
      if (attempt > answerer.maxAttempts) throw answerError('WORKER_LOST');
      if (attempt > 1) sending.send(writer.start(attempt));
      const data = await this.#run(held, answerer, attempt, told, (part) => {
        sending.send(writer.part(part));
        return sending.unconfirmed < MAX_UNCONFIRMED ? undefined : sending.settled();
      });
      await orAborted(sending.settled(), held.stop.signal);
      return { text: writer.complete(data), outcome: 'complete' };
    } catch (cause) {
      const { aborted, reason } = held.stop.signal as { aborted: boolean; reason: unknown };
      if (!life.lives() || (aborted && !(reason instanceof AnswerError))) return undefined;
      const error = this.#errorOf(aborted ? reason : cause);
      // The last frame comes behind those that are on their way, however they fare.
      await orAborted(sending.settled(), life.over).catch(() => undefined);
      const { code, message } = error;
      return { text: writer.error({ code, message }), outcome: code };
    }
  }

  async #run(
    { command, delivery, channel, stop, readAtMs }: Held,
    { answer, timeoutMs, unheardMs }: Answerer,
    attempt: number,
    told: Told,
    take: (part: AnswerPart) => Promise<void> | undefined,
  ): Promise<object | undefined> {
    const { signal } = stop;
    const timer = setTimeout(
      () => {
        stop.abort(answerError('TIMED_OUT'));
      },
      Math.min(timeoutMs, LONGEST_TIMER_MS),
    );
    const unwatch =
      unheardMs === undefined
        ? undefined
        : this.#around.unheard.watch({ channel, addedMs: addedMs(delivery), unheardMs }, () => {
            stop.abort(answerError('UNHEARD'));
          });
    let parts: ReturnType<Answerer['answer']> | undefined;
    try {
      parts = answer(command, { signal, attempt });
      for (;;) {
        const { done, value } = await orAborted(
          parts.next() as Promise<IteratorResult<AnswerPart, object | undefined>>,
          signal,
        );
        if (done === true) return value;
        told.firstFrameMs ??= this.#around.monotonicMs() - readAtMs;
        const room = take(value);
        told.frames += 1;
        if (room !== undefined) await orAborted(room, signal);
      }
    } catch (cause) {
      // It may be at work yet, and is not waited for.
      parts?.return?.().catch(this.#around.settings.onFault);
      throw cause;
    } finally {
      clearTimeout(timer);
      unwatch?.();
    }
  }

  /** The client is shown nothing of what a service did not mean for it. */
  #errorOf(cause: unknown): AnswerError {
    if (cause instanceof AnswerError) return cause;
    this.#around.settings.onFault(cause);
    return answerError('FAILED', cause);
  }

  async #acknowledge({ delivery }: Held, life: Life): Promise<boolean> {
    const { group } = this.#around;
    return (
      (await this.#insist(life, async () => group.acknowledge(delivery.entryId).then(() => true))) ?? false
    );
  }

  /** Asks Redis again until it answers. @returns undefined when it does not while this worker is alive */
  async #insist<T>(life: Life, ask: () => Promise<T>): Promise<T | undefined> {
    for (let waitMs = FIRST_RETRY_MS; life.lives(); waitMs = Math.min(2 * waitMs, MAX_RETRY_MS)) {
      try {
        return await ask();
      } catch (cause) {
        this.#around.settings.onFault(cause);
        await delay(waitMs, undefined, { signal: life.over }).catch(() => undefined);
      }
    }
    return undefined;
  }
}
