import type { AssertionGuard, ReplayVerdict } from '../handshake/replay-guard';
import type { ToPrimary, ToWorker } from './messages';

interface Waiting {
  readonly id: string;
  readonly endsAt: number;
  readonly resolve: (verdict: ReplayVerdict | 'away') => void;
}

/** The questions of one turn. */
interface Asked {
  readonly waiting: readonly Waiting[];
  readonly late: NodeJS.Timeout;
}

/**
 * A worker's side of the guard that all workers share. The primary has it, and is asked before an assertion is accepted. All
 * that come in one turn of the event loop are asked for in one message. When there is no answer, nothing is accepted.
 */
export class AskedReplayGuard implements AssertionGuard {
  readonly #send: (message: ToPrimary) => void;
  readonly #timeoutMs: number;
  readonly #asked = new Map<number, Asked>();
  #waiting: Waiting[] = [];
  #lastAsk = 0;

  /** @param timeoutMs for an answer, in milliseconds */
  constructor(send: (message: ToPrimary) => void, timeoutMs: number) {
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  accept(id: string, endsAt: number): Promise<ReplayVerdict | 'away'> {
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) setImmediate(this.#ask);
      this.#waiting.push({ id, endsAt, resolve });
    });
  }

  /** Takes an answer of the primary. */
  take({ ask, verdicts }: Extract<ToWorker, { type: 'accepted' }>): void {
    const asked = this.#asked.get(ask);
    // Too late: they are refused already.
    if (asked === undefined) return;
    this.#asked.delete(ask);
    clearTimeout(asked.late);
    asked.waiting.forEach(({ resolve }, index) => {
      resolve(verdicts[index] ?? 'away');
    });
  }

  readonly #ask = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    const ask = (this.#lastAsk += 1);
    const late = setTimeout(() => {
      this.#asked.delete(ask);
      for (const { resolve } of waiting) resolve('away');
    }, this.#timeoutMs);
    this.#asked.set(ask, { waiting, late });
    this.#send({ type: 'accept', ask, assertions: waiting.map(({ id, endsAt }) => [id, endsAt]) });
  };
}
