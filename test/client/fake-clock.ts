import type { Clock } from '../../client/src/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  /** How much too early each timer rings, as timers of browsers and of Node may. */
  earlyMs = 0;
  #nowMs = 0;
  #epochMs = 1_800_000_000_000;
  readonly #timers = new Set<Timer>();

  /** Timers that have not rung. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#epochMs + this.#nowMs;
  }

  monotonicNow(): number {
    return this.#nowMs;
  }

  /** Somebody sets the time of day. No timer minds. */
  setBack(ms: number): void {
    this.#epochMs -= ms;
  }

  setTimeout(callback: () => void, delayMs: number): unknown {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs - this.earlyMs), callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as Timer);
  }

  /** Lets time pass; timers ring in order, and promises settle after each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (let timer = this.#next(untilMs); timer; timer = this.#next(untilMs)) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.callback();
      await settled();
    }
    this.#nowMs = untilMs;
    await settled();
  }

  /** The page sleeps for so long: timers that were due meanwhile ring when it wakes. */
  async sleep(ms: number): Promise<void> {
    this.#nowMs += ms;
    await this.advance(0);
  }

  #next(untilMs: number): Timer | undefined {
    const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs);
    return due.sort((a, b) => a.atMs - b.atMs)[0];
  }
}

/** Resolves once every promise that can settle has. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
