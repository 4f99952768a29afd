/** After so much of the event loop's time long work lets in whatever else came, in milliseconds. */
export const SLICE_MS = 2;
/** So much of a slice one owner has before the next one, in milliseconds. */
export const SHARE_MS = 0.5;
/** Whose work it is: a tenant's, or that of a part of the bridge. */
export type Owner = string | symbol;

/** Work that is done in steps, each of them short. */
export type Steps = Iterator<unknown>;

/**
 * Something done for each of many things. When it throws for one of them, the steps can go on with the next, as those of a generator
 * cannot.
 * @param act returns whether the step is over with this one
 */
export function stepsOver<Item>(items: Iterable<Item>, act: (item: Item) => boolean): Steps {
  const left: Iterator<Item, unknown> = items[Symbol.iterator]();
  return {
    next: () => {
      for (let item = left.next(); item.done !== true; item = left.next()) {
        if (act(item.value)) return { done: false, value: undefined };
      }
      return { done: true, value: undefined };
    },
  };
}

/** How shares are measured, and how the loop gets its time between two slices. */
export interface LoopClock {
  /** Milliseconds of a clock that nobody sets. */
  readonly nowMs: () => number;
  /** Runs something once the loop has looked at what else came. */
  readonly later: (run: () => void) => void;
}

const EVENT_LOOP: LoopClock = {
  nowMs: () => performance.now(),
  later: (run) => void setImmediate(run),
};

/** The work of one owner, in the order in which it came. */
class Lane {
  #work: Steps[] = [];
  #first = 0;

  get isEmpty(): boolean {
    return this.#first === this.#work.length;
  }

  push(steps: Steps): void {
    this.#work.push(steps);
  }

  /** One step of what came first. */
  step(): void {
    const steps = this.#work[this.#first];
    if (steps === undefined) return;
    let isOver: boolean | undefined = true;
    try {
      isOver = steps.next().done;
    } finally {
      // A step that threw is over as well: the others go on.
      if (isOver === true) this.#next();
    }
  }

  #next(): void {
    this.#first += 1;
    if (this.#first * 2 < this.#work.length) return;
    this.#work = this.#work.slice(this.#first);
    this.#first = 0;
  }
}

/**
 * Shares the event loop's time. Work that may be long is cut into slices. Between them sockets are read, upgrades
 * decided and timers run. Within a slice all owners who have work take turns, so that nobody waits for all of
 * another's. One owner's work is done in the order of its calls. Work begins at once while nobody waits and the slice
 * has time left.
 */
export class LoopShares {
  readonly #clock: LoopClock;
  readonly #sliceMs: number;
  readonly #lanes = new Map<Owner, Lane>();
  /** The time spent of the slice that belongs to this turn of the loop. */
  #spentMs = 0;
  #isArmed = false;
  #isServing = false;
  #onSettled: (() => void)[] = [];

  constructor(clock: LoopClock = EVENT_LOOP, sliceMs = SLICE_MS) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
  }

  /** Those of who need not share: no work is ever cut. */
  static uncut(): LoopShares {
    return new LoopShares(EVENT_LOOP, Infinity);
  }

  /** Does work for an owner. */
  run(owner: Owner, steps: Steps): void {
    const isFirst = this.#lanes.size === 0;
    let lane = this.#lanes.get(owner);
    if (lane === undefined) this.#lanes.set(owner, (lane = new Lane()));
    lane.push(steps);
    if (isFirst && !this.#isServing) this.#serve();
  }

  /** Does work that is one step. */
  once(owner: Owner, step: () => void): void {
    if (this.#lanes.size === 0 && !this.#isServing && this.#spentMs < this.#sliceMs) {
      this.#alone(step);
      return;
    }
    this.run(owner, {
      next: () => {
        step();
        return { done: true, value: undefined };
      },
    });
  }

  /** Does work that is one step. @returns what it returned, or threw */
  ask<T>(owner: Owner, step: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.once(owner, () => {
        try {
          resolve(step());
        } catch (error) {
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was thrown
          reject(error);
        }
      });
    });
  }

  /** Resolves when no work waits. */
  async settled(): Promise<void> {
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
  }

  /** A step at once: nobody waits. */
  #alone(step: () => void): void {
    const fromMs = this.#clock.nowMs();
    this.#isServing = true;
    try {
      step();
    } finally {
      this.#isServing = false;
      this.#spentMs += this.#clock.nowMs() - fromMs;
      this.#arm();
    }
    // It may have made work for others.
    if (this.#lanes.size > 0) this.#serve();
  }

  /** Takes what this slice has left; at least a step in one that nothing was taken of. */
  #serve(): void {
    const fromMs = this.#clock.nowMs();
    const endMs = fromMs + this.#sliceMs - this.#spentMs;
    let nowMs = fromMs;
    this.#isServing = true;
    try {
      for (const [owner, lane] of this.#lanes) {
        if (nowMs >= endMs) break;
        nowMs = this.#serveOne(lane, Math.min(endMs, nowMs + SHARE_MS));
        // A Map goes on with what is put to its end meanwhile.
        this.#lanes.delete(owner);
        if (!lane.isEmpty) this.#lanes.set(owner, lane);
      }
    } finally {
      this.#isServing = false;
      this.#spentMs += this.#clock.nowMs() - fromMs;
      this.#arm();
    }
    if (this.#lanes.size === 0) for (const notify of this.#onSettled.splice(0)) notify();
  }

  #serveOne(lane: Lane, endMs: number): number {
    let nowMs: number;
    do {
      lane.step();
      nowMs = this.#clock.nowMs();
    } while (!lane.isEmpty && nowMs < endMs);
    return nowMs;
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.later(() => {
      this.#isArmed = false;
      try {
        if (this.#lanes.size > 0) this.#serve();
      } finally {
        this.#spentMs = 0;
      }
    });
  }
}
