/** Sets how far `Date` is from the truth in this process, in milliseconds. */
export function setClock(offsetMs: number): void;
