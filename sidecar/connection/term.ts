import type { Timer, TimerWheel } from '../lib/timer-wheel';
import type { TokenEnds, TokenHolder } from './token-ends';

/** How long a client has for its part of the closing handshake, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 5000;

/** Terms are kept by these. */
export interface TermContext {
  /** For what is due after a time. */
  readonly wheel: TimerWheel;
  readonly tokenEnds: TokenEnds;
  /** The clock of durations, and of `wheel`, in milliseconds. */
  readonly monotonicMs: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Whose term it is. */
export interface TermHolder extends TokenHolder {
  /** The bridge restarts. */
  retire(): void;
  /** The client took too long for its part of the closing handshake. */
  closeTimedOut(): void;
}

/** How long a connection may last: until its token ends or the bridge restarts, and then for the closing handshake. */
export class Term {
  readonly #context: TermContext;
  readonly #holder: TermHolder;
  readonly #tokenEndsMs: number;
  /** The end of its token; once it is closing, of the client's time for that. */
  #deadline: Timer | undefined;
  #retirement: Timer | undefined;
  #isToReauthorize = false;

  /** @param tokenExp in seconds since the epoch */
  constructor(context: TermContext, holder: TermHolder, tokenExp: number) {
    this.#context = context;
    this.#holder = holder;
    this.#tokenEndsMs = tokenExp * 1000;
  }

  /** It is open: its token ends. */
  begin(): void {
    this.#deadline = this.#context.tokenEnds.add(this.#tokenEndsMs, this.#holder);
  }

  retireAt(dueMs: number): void {
    this.#retirement = this.#context.wheel.add(dueMs, () => {
      this.#holder.retire();
    });
  }

  /**
   * The token ends at `dueMs` of the clock of durations, in milliseconds, unless it does so before. The first call counts: one who
   * is told so again and again would never go.
   */
  reauthorizeAt(dueMs: number): void {
    const { wheel, monotonicMs, now } = this.#context;
    if (this.#isToReauthorize || this.#tokenEndsMs - now() <= dueMs - monotonicMs()) return;
    this.#isToReauthorize = true;
    this.#deadline?.cancel();
    this.#deadline = wheel.add(dueMs, () => {
      this.#holder.tokenEnded();
    });
  }

  /** It is closing: cuts a client that takes longer for its part of that. */
  cutLater(): void {
    const { wheel, monotonicMs } = this.#context;
    this.#deadline?.cancel();
    this.#deadline = wheel.add(monotonicMs() + CLOSE_TIMEOUT_MS, () => {
      this.#holder.closeTimedOut();
    });
  }

  cancel(): void {
    this.#deadline?.cancel();
    this.#retirement?.cancel();
  }
}
