/** Time and timers, so that tests can have their own. */
export interface Clock {
  /** Milliseconds since the epoch: for a moment that others named, such as a token's `exp`. It may be set back or on. */
  now(): number;
  /** Milliseconds since some moment, never set back: for every duration. Default: `performance.now`. */
  monotonicNow?(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The clock of the page or process. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (handle) => {
    clearTimeout(handle as number);
  },
};

/** The clock's monotonic time; that of the page or process where it has none. */
export function monotonicNow(clock: Clock): number {
  const { performance = Date } = globalThis as { readonly performance?: { now(): number } };
  return clock.monotonicNow?.() ?? performance.now();
}
