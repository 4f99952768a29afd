import { mainThreadMs } from './cpu-time';

/** The longest that an event loop worked without a look at what else came. */
export interface Stretch {
  /** By the clock: what other processes took of the processor counts as well. */
  readonly wallMs: number;
  /** Processor time, with that of the collector's and the compiler's threads. */
  readonly cpuMs: number;
  /** Processor time of the loop's own thread: on a busy machine what a quiet one's clock would show. */
  readonly loopMs: number;
}

const NONE: Stretch = { wallMs: 0, cpuMs: 0, loopMs: 0 };

/**
 * Finds the longest stretch of this process' event loop. A timer that is due all the time runs once an iteration. So no
 * two of its runs are further apart than one iteration is long.
 */
export class StretchMeter {
  #longest = NONE;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#longest = NONE;
    this.#look(now());
  }

  /** @returns the longest since the start */
  stop(): Stretch {
    clearTimeout(this.#timer);
    return this.#longest;
  }

  #look(from: Stretch): void {
    this.#timer = setTimeout(() => {
      const to = now();
      const longest = this.#longest;
      this.#longest = {
        wallMs: Math.max(longest.wallMs, to.wallMs - from.wallMs),
        cpuMs: Math.max(longest.cpuMs, to.cpuMs - from.cpuMs),
        loopMs: Math.max(longest.loopMs, to.loopMs - from.loopMs),
      };
      this.#look(to);
    }, 1);
  }
}

/** The three clocks now. */
function now(): Stretch {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1000, loopMs: mainThreadMs() };
}
