/** How often the primary looks whether each worker was heard, in milliseconds. */
export const LOOK_INTERVAL_MS = 1000;
/** A worker that was not heard for so many looks after it was asked hangs. */
export const MAX_UNHEARD_LOOKS = 15;
/** So long a worker may hang at least, in milliseconds: its event loop does nothing else, so a pause of the garbage collector must fit in. */
export const HANG_LIMIT_MS = LOOK_INTERVAL_MS * MAX_UNHEARD_LOOKS;

/** A worker that does not listen after so many looks hangs, too: until then it loads its modules, and connects. */
export const MAX_LOOKS_BEFORE_READY = 60;

/** Calls back once an interval. @returns what ends that */
export type EachLook = (look: () => void) => () => void;

/** At the intervals of {@link LOOK_INTERVAL_MS}. */
export const onceAnInterval: EachLook = (look) => {
  const timer = setInterval(look, LOOK_INTERVAL_MS).unref();
  return () => {
    clearInterval(timer);
  };
};

/**
 * For how long a worker was not heard, in looks of the primary and not in time. A machine that was suspended, or a primary that
 * was stopped or had no time, comes to one look, however long it took. It reads all that workers said meanwhile before it looks again.
 */
export class Silence {
  #looks = 0;

  /** The worker said something. */
  heard(): void {
    this.#looks = 0;
  }

  /** The primary looks. @returns whether to ask the worker for a sign of life, or to give it up: either once a silence */
  look(): 'ask' | 'wait' | 'hangs' {
    this.#looks += 1;
    if (this.#looks === 1) return 'ask';
    return this.#looks === MAX_UNHEARD_LOOKS + 1 ? 'hangs' : 'wait';
  }
}
