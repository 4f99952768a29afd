import type { Timer, TimerWheel } from './timer-wheel';

/** Paced turns are kept by these. */
export interface PacedTurnContext {
  readonly wheel: TimerWheel;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
}

/** Work that is asked for often and done at most once an interval: at the next tick, or when the interval since the last time has passed. */
export class PacedTurn {
  readonly #context: PacedTurnContext;
  readonly #intervalMs: number;
  readonly #work: () => void;
  #lastMs = -Infinity;
  #turn: Timer | undefined;

  /** @param intervalMs between two turns, in milliseconds */
  constructor(context: PacedTurnContext, intervalMs: number, work: () => void) {
    this.#context = context;
    this.#intervalMs = intervalMs;
    this.#work = work;
  }

  /** Asks for a turn. Does nothing while one is ahead. */
  ask(): void {
    const { wheel, monotonicMs } = this.#context;
    this.#turn ??= wheel.add(Math.max(monotonicMs(), this.#lastMs + this.#intervalMs), () => {
      this.#turn = undefined;
      this.#lastMs = monotonicMs();
      this.#work();
    });
  }

  /** Forgets the turn that is ahead. */
  cancel(): void {
    this.#turn?.cancel();
    this.#turn = undefined;
  }
}
