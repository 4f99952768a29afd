import { LoopShares } from './loop-shares';

/** Something due later, from {@link TimerWheel.add}. */
export interface Timer {
  /** Forgets it. Does nothing when it has run. */
  cancel(): void;
}

/** Done when it is due. An object costs no function of its own. */
export type Work = (() => void) | { due(): void };

class Entry implements Timer {
  readonly dueTick: number;
  readonly #work: Work;
  readonly #forget: (entry: Entry) => void;

  constructor(dueTick: number, work: Work, forget: (entry: Entry) => void) {
    this.dueTick = dueTick;
    this.#work = work;
    this.#forget = forget;
  }

  run(): void {
    if (typeof this.#work === 'function') this.#work();
    else this.#work.due();
  }

  cancel(): void {
    this.#forget(this);
  }
}

/**
 * Many deadlines behind one timer: a hashed wheel. It has no clock of its own: its driver tells it the time. Deadlines
 * that are due by then run, at most one tick late, or later when very many are due at once.
 */
export class TimerWheel {
  readonly #tickMs: number;
  readonly #slots: readonly Set<Entry>[];
  readonly #shares: LoopShares;
  readonly #owner = Symbol('wheel');
  #tick: number;
  #size = 0;
  /** One for all: a closure of its own for each would outweigh the rest of it. */
  readonly #forget = (entry: Entry): void => {
    if (this.#slotOf(entry.dueTick).delete(entry)) this.#size -= 1;
  };

  /**
   * @param tickMs how exact it is, in milliseconds
   * @param slotCount ticks in one turn; deadlines further away are looked at once a turn
   * @param nowMs the time of the clock that drives it, in milliseconds
   */
  constructor(tickMs: number, slotCount: number, nowMs: number, shares = LoopShares.uncut()) {
    this.#tickMs = tickMs;
    this.#shares = shares;
    this.#slots = Array.from({ length: slotCount }, () => new Set<Entry>());
    this.#tick = Math.floor(nowMs / tickMs);
  }

  /** The time of the clock that drives it, as of the last tick, in milliseconds. Reading it asks no clock. */
  get nowMs(): number {
    return this.#tick * this.#tickMs;
  }

  /** How many deadlines are ahead. */
  get size(): number {
    return this.#size;
  }

  /** Does `work` once at `dueMs` of that clock, in milliseconds, or at the next tick when that has passed. */
  add(dueMs: number, work: Work): Timer {
    const dueTick = Math.max(Math.ceil(dueMs / this.#tickMs), this.#tick + 1);
    const entry = new Entry(dueTick, work, this.#forget);
    this.#slotOf(dueTick).add(entry);
    this.#size += 1;
    return entry;
  }

  /**
   * Runs what is due by `nowMs` of that clock. A clock that went back runs nothing, and what is added
   * from then on is due by the clock as it is now.
   */
  advance(nowMs: number): void {
    const target = Math.floor(nowMs / this.#tickMs);
    const first = Math.max(this.#tick + 1, target - this.#slots.length + 1);
    this.#tick = target;
    this.#shares.run(this.#owner, this.#runSlots(first, target));
  }

  *#runSlots(first: number, target: number): Generator<undefined, undefined> {
    for (let tick = first; tick <= target; tick += 1) {
      const slot = this.#slotOf(tick);
      for (const entry of slot) {
        // An entry that ran before it may have cancelled it.
        if (entry.dueTick > target || !slot.delete(entry)) continue;
        this.#size -= 1;
        entry.run();
        yield;
      }
    }
  }

  #slotOf(tick: number): Set<Entry> {
    const slot = this.#slots[tick % this.#slots.length];
    if (slot === undefined) throw new RangeError(`expected a time from 0, got tick ${tick}`);
    return slot;
  }
}
