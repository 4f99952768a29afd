import { Chain, type Link } from './chain';
import type { Owner } from './loop-shares';

/** How many may be at something at any time. */
export interface TurnLimits {
  readonly atOnce: number;
  /** One owner's: the others are there for others, however long that one's take. */
  readonly ofOne: number;
}

/** Whether somebody waits for it now, or it may as well be done later. */
export type Urgency = 'awaited' | 'later';

type Begin = () => void;

/** The work of one owner. */
class Lane {
  readonly #waiting: Readonly<Record<Urgency, Chain<Begin>>> = { awaited: new Chain(), later: new Chain() };
  #next: Urgency = 'awaited';
  running = 0;
  /** Its place among those who wait for a turn and may have one. */
  place: Link<Lane> | undefined;

  get waiting(): number {
    return this.#waiting.awaited.size + this.#waiting.later.size;
  }

  push(urgency: Urgency, begin: Begin): void {
    this.#waiting[urgency].append(begin);
  }

  /** Awaited work and other work go by turns. */
  shift(): Begin | undefined {
    const urgency = this.#waiting[this.#next].size > 0 ? this.#next : other(this.#next);
    this.#next = other(urgency);
    return this.#waiting[urgency].shift();
  }
}

/**
 * Lets a few be at something at any time. Owners who wait for it take turns, so that nobody waits for all of another's. One owner's work
 * begins in the order of its calls, what is awaited apart from what is not.
 */
export class FairTurns {
  readonly #limits: TurnLimits;
  readonly #lanes = new Map<Owner, Lane>();
  readonly #ready = new Chain<Lane>();
  #running = 0;
  #waiting = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** How many wait for a turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Acts once there is a turn: before this returns, when there is one now. @returns what `act` returns, or throws */
  async take<T>(owner: Owner, urgency: Urgency, act: () => Promise<T>): Promise<T> {
    const lane = this.#laneOf(owner);
    if (this.#mayBegin(lane)) this.#begin(lane);
    else await this.#turn(lane, urgency);
    try {
      return await act();
    } finally {
      lane.running -= 1;
      this.#running -= 1;
      this.#enlist(lane);
      this.#serve();
      if (lane.running + lane.waiting === 0) this.#lanes.delete(owner);
    }
  }

  #laneOf(owner: Owner): Lane {
    let lane = this.#lanes.get(owner);
    if (lane === undefined) this.#lanes.set(owner, (lane = new Lane()));
    return lane;
  }

  /** If this one may begin, all who wait could: nobody is overtaken. */
  #mayBegin(lane: Lane): boolean {
    return this.#running < this.#limits.atOnce && lane.running < this.#limits.ofOne;
  }

  #turn(lane: Lane, urgency: Urgency): Promise<void> {
    return new Promise<void>((begin) => {
      this.#waiting += 1;
      lane.push(urgency, begin);
      this.#enlist(lane);
    });
  }

  /** Puts a lane behind all others that wait, when it waits and may have a turn. */
  #enlist(lane: Lane): void {
    if (lane.place !== undefined || lane.waiting === 0 || lane.running >= this.#limits.ofOne) return;
    lane.place = this.#ready.append(lane);
  }

  #serve(): void {
    for (const lane of this.#ready.shiftWhile(() => this.#running < this.#limits.atOnce)) {
      lane.place = undefined;
      this.#waiting -= 1;
      this.#begin(lane);
      // Its place is taken before it runs: nobody who comes meanwhile gets that.
      lane.shift()?.();
      this.#enlist(lane);
    }
  }

  #begin(lane: Lane): void {
    lane.running += 1;
    this.#running += 1;
  }
}

function other(urgency: Urgency): Urgency {
  return urgency === 'awaited' ? 'later' : 'awaited';
}
