/** After so much of the event loop's time long work lets in whatever else came, in milliseconds. */
export const SLICE_MS = 2;
/** So much of a slice one owner has before the next one, in milliseconds. */
export const SHARE_MS = 0.5;
/** Whose work it is: a tenant's, or as a symbol that of a part of the bridge. */
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

/** The owners of one kind that have work, by turns. */
class Lanes {
  readonly #byOwner = new Map<Owner, Lane>();
  readonly #round = this.#byOwner.entries();

  get isEmpty(): boolean {
    return this.#byOwner.size === 0;
  }

  push(owner: Owner, steps: Steps): void {
    let lane = this.#byOwner.get(owner);
    if (lane === undefined) this.#byOwner.set(owner, (lane = new Lane()));
    lane.push(steps);
  }

  /** Serves the owner whose turn it is. Not to be called when there is none. */
  serve(serveOne: (lane: Lane) => void): void {
    const [owner, lane] = this.#next();
    try {
      serveOne(lane);
    } finally {
      // A Map goes on with what is put to its end meanwhile.
      this.#byOwner.delete(owner);
      if (!lane.isEmpty) this.#byOwner.set(owner, lane);
    }
  }

  /** An owner that is put to the map's end comes up again, so the round ends only where nobody has work. */
  #next(): [Owner, Lane] {
    const next = this.#round.next();
    if (next.done === true) throw new RangeError('expected an owner who has work');
    return next.value;
  }
}

/**
 * Shares the event loop's time. Work that may be long is cut into slices. Between them sockets are read, upgrades
 * decided and timers run. Within a slice all owners who have work take turns, so that nobody waits for all of
 * another's. The bridge's own parts have every second turn, however many tenants have work. One owner's work is done in the order
 * of its calls. Work begins at once while nobody waits and the slice has time left.
 */
export class LoopShares {
  readonly #clock: LoopClock;
  readonly #sliceMs: number;
  readonly #tenants = new Lanes();
  readonly #parts = new Lanes();
  #servedPartLast = false;
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
    const isFirst = this.#isIdle;
    (typeof owner === 'symbol' ? this.#parts : this.#tenants).push(owner, steps);
    if (isFirst && !this.#isServing) this.#serve();
  }

  /** Does work that is one step. */
  once(owner: Owner, step: () => void): void {
    if (this.#isIdle && !this.#isServing && this.#spentMs < this.#sliceMs) {
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
    if (!this.#isIdle) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
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
    if (!this.#isIdle) this.#serve();
  }

  /** Whether nobody has work. */
  get #isIdle(): boolean {
    return this.#tenants.isEmpty && this.#parts.isEmpty;
  }

  /** Takes what this slice has left; at least a step in one that nothing was taken of. */
  #serve(): void {
    const fromMs = this.#clock.nowMs();
    const endMs = fromMs + this.#sliceMs - this.#spentMs;
    let nowMs = fromMs;
    this.#isServing = true;
    try {
      while (nowMs < endMs && !this.#isIdle) {
        const shareEndMs = Math.min(endMs, nowMs + SHARE_MS);
        this.#nextLanes().serve((lane) => {
          nowMs = this.#serveOne(lane, shareEndMs);
        });
      }
    } finally {
      this.#isServing = false;
      this.#spentMs += this.#clock.nowMs() - fromMs;
      this.#arm();
    }
    if (this.#isIdle) for (const notify of this.#onSettled.splice(0)) notify();
  }

  /** Those who have the next share; there are some. */
  #nextLanes(): Lanes {
    const isPart = this.#tenants.isEmpty || (!this.#servedPartLast && !this.#parts.isEmpty);
    this.#servedPartLast = isPart;
    return isPart ? this.#parts : this.#tenants;
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
        if (!this.#isIdle) this.#serve();
      } finally {
        this.#spentMs = 0;
      }
    });
  }
}
