/** Node rings a timer at once that is set for longer. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
