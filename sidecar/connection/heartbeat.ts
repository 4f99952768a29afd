import { LoopShares } from '../lib/loop-shares';

/** A socket as the heartbeat sees it. */
export interface Pulse {
  ping(): void;
  /** Cuts the connection: a client that reads nothing must not leave what waits for it in the kernel. */
  reset(): void;
}

/** Pings go out once in so many milliseconds, each time to those whose turn it is. */
export const BEAT_MS = 500;

interface Watched {
  readonly beat: Set<Pulse>;
  answered: boolean;
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
  readonly #beats: readonly Set<Pulse>[];
  readonly #watched = new Map<Pulse, Watched>();
  #assigned = 0;
  #tick = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: number, shares = LoopShares.uncut()) {
    this.#shares = shares;
    const count = Math.max(1, Math.round(intervalMs / BEAT_MS));
    this.#beats = Array.from({ length: count }, () => new Set<Pulse>());
    this.#tickMs = intervalMs / count;
  }

  /** How many sockets are watched. */
  get size(): number {
    return this.#watched.size;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#shares.run(this.#owner, this.#beat(this.#beats[this.#tick++ % this.#beats.length] ?? []));
    }, this.#tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  watch(pulse: Pulse): void {
    const beat = this.#beats[this.#assigned++ % this.#beats.length];
    if (beat === undefined || this.#watched.has(pulse)) return;
    beat.add(pulse);
    this.#watched.set(pulse, { beat, answered: true });
  }

  unwatch(pulse: Pulse): void {
    this.#watched.get(pulse)?.beat.delete(pulse);
    this.#watched.delete(pulse);
  }

  /** The socket answered a ping. @returns whether one was unanswered */
  heard(pulse: Pulse): boolean {
    const watched = this.#watched.get(pulse);
    if (watched === undefined || watched.answered) return false;
    watched.answered = true;
    return true;
  }

  *#beat(beat: Iterable<Pulse>): Generator<undefined, undefined> {
    for (const pulse of [...beat]) {
      const watched = this.#watched.get(pulse);
      if (watched === undefined) continue;
      if (watched.answered) {
        watched.answered = false;
        pulse.ping();
      } else {
        this.unwatch(pulse);
        pulse.reset();
      }
      yield;
    }
  }
}
