/** The longest that an event loop worked without a look at what else came. */
export interface Stretch {
  /** By the clock: what other processes took of the processor counts as well. */
  readonly wallMs: number;
  /** Processor time, with that of the collector's threads. */
  readonly cpuMs: number;
}

/**
 * Finds the longest stretch of this process' event loop. A timer that is due all the time runs once an iteration. So no
 * two of its runs are further apart than one iteration is long.
 */
export class StretchMeter {
  #longest: Stretch = { wallMs: 0, cpuMs: 0 };
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#longest = { wallMs: 0, cpuMs: 0 };
    this.#look(performance.now(), cpuMs());
  }

  /** @returns the longest since the start */
  stop(): Stretch {
    clearTimeout(this.#timer);
    return this.#longest;
  }

  #look(fromMs: number, fromCpuMs: number): void {
    this.#timer = setTimeout(() => {
      const [toMs, toCpuMs] = [performance.now(), cpuMs()];
      const { wallMs, cpuMs: longestCpuMs } = this.#longest;
      this.#longest = {
        wallMs: Math.max(wallMs, toMs - fromMs),
        cpuMs: Math.max(longestCpuMs, toCpuMs - fromCpuMs),
      };
      this.#look(toMs, toCpuMs);
    }, 1);
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
