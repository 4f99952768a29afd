import { LoopShares } from '../lib/loop-shares';

/** A socket as the heartbeat sees it. */
export interface Pulse {
  /** Whether something of it may have come that is not read yet: its answer, too. */
  readonly isUnread: boolean;
  ping(): void;
  /** Cuts the connection: a client that reads nothing must not leave what waits for it in the kernel. */
  reset(): void;
}

/** Pings go out once in so many milliseconds, each time to those whose turn it is. */
export const BEAT_MS = 500;

/** So many beats an interval has at most: those of a longer one are further apart. Each takes memory, whether it has sockets or not. */
export const MAX_BEATS = 600;

/** Those who are pinged in the same moment of each interval. */
export class Beat {
  readonly #pulses = new Set<Pulse>();
  /** Those that have not answered yet: few, while most answer within milliseconds. */
  readonly #asked = new Set<Pulse>();

  get size(): number {
    return this.#pulses.size;
  }

  add(pulse: Pulse): void {
    this.#pulses.add(pulse);
  }

  unwatch(pulse: Pulse): void {
    this.#pulses.delete(pulse);
    this.#asked.delete(pulse);
  }

  /** The socket answered a ping. @returns whether one was unanswered */
  heard(pulse: Pulse): boolean {
    return this.#asked.delete(pulse);
  }

  /** Pings all of them, and cuts those that have not answered since the last time. */
  *pings(): Generator<undefined, undefined> {
    for (const pulse of [...this.#pulses]) {
      if (!this.#pulses.has(pulse)) continue;
      if (this.#asked.has(pulse) && !pulse.isUnread) {
        this.unwatch(pulse);
        pulse.reset();
      } else {
        this.#asked.add(pulse);
        pulse.ping();
      }
      yield;
    }
  }
}

/**
 * Pings every socket once in each interval, and cuts those that have not answered by the next. Sockets are spread
 * evenly over the interval, whenever they came, so that no moment has many pings. One timer does it all.
 */
export class Heartbeat {
  readonly #tickMs: number;
  readonly #shares: LoopShares;
  readonly #owner = Symbol('heartbeat');
  /** The interval: those pinged in its first moment, its second… */
  readonly #beats: readonly [Beat, ...Beat[]];
  #assigned = 0;
  #tick = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: number, shares = LoopShares.uncut()) {
    this.#shares = shares;
    const count = Math.min(MAX_BEATS, Math.max(1, Math.round(intervalMs / BEAT_MS)));
    this.#beats = [new Beat(), ...Array.from({ length: count - 1 }, () => new Beat())];
    this.#tickMs = intervalMs / count;
  }

  /** How many sockets are watched. */
  get size(): number {
    return this.#beats.reduce((sum, { size }) => sum + size, 0);
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#shares.run(this.#owner, this.#beatAt(this.#tick++).pings());
    }, this.#tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** @returns in which it is pinged, until {@link Beat.unwatch} */
  watch(pulse: Pulse): Beat {
    const beat = this.#beatAt(this.#assigned++);
    beat.add(pulse);
    return beat;
  }

  #beatAt(tick: number): Beat {
    return this.#beats[tick % this.#beats.length] ?? this.#beats[0];
  }
}
