/** So long after a client is read again the last has come of what it sent meanwhile, in milliseconds: buffers on the way hold some. */
export const CATCH_UP_MS = 1000;
/** So much of the time that a client was not read counts for it at most, in milliseconds. */
export const MAX_BACKLOG_MS = 10_000;

/**
 * Since when the bridge may be behind with reading a client. It does not see when bytes came that it left in a buffer, and a client that
 * kept to its rates may have sent them at any time since.
 */
export class Backlog {
  #fromMs: number | undefined;
  #readAgainMs = Infinity;

  /** The client is not read from now on, or not at once. @param nowMs a clock that nobody sets, in milliseconds */
  begins(nowMs: number): void {
    this.#fromMs = this.fromMs(nowMs) ?? nowMs;
    this.#readAgainMs = Infinity;
  }

  /** It is read again. */
  ends(nowMs: number): void {
    this.#readAgainMs = Math.min(this.#readAgainMs, nowMs);
  }

  /** When the earliest that is read now may have come; undefined when all of it comes now. */
  fromMs(nowMs: number): number | undefined {
    if (nowMs - this.#readAgainMs > CATCH_UP_MS) this.#fromMs = undefined;
    return this.#fromMs === undefined ? undefined : Math.max(this.#fromMs, nowMs - MAX_BACKLOG_MS);
  }
}
