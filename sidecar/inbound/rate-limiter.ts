/** How many messages a socket may send. */
export interface MessageRate {
  /** Sustained; 0 for any number. */
  readonly perSecond: number;
  /** At once. */
  readonly burst: number;
}

/**
 * - `taken`: within the rate
 * - `refused`: over it
 * - `flood`: over it for too long; the socket is to be closed
 */
export type MessageVerdict = 'taken' | 'refused' | 'flood';

/** A socket that had a burst's number of messages refused may have as many refused again after this, in milliseconds. */
export const FORGIVENESS_MS = 10_000;

const MICROSECONDS = 1_000_000;

/** The messages of one socket against its rate: GCRA (ITU-T I.371), once for what it sends, once for what is refused. */
export class RateLimiter {
  readonly #rate: MessageRate;
  // Theoretical arrival times, in microseconds of the clock of durations.
  #sentTat = 0;
  #refusedTat = 0;

  constructor(rate: MessageRate) {
    this.#rate = rate;
  }

  /**
   * Counts a message.
   * @param nowMs a clock that nobody sets, in milliseconds
   * @param fromMs the earliest that it may have come
   */
  take(nowMs: number, fromMs = nowMs): MessageVerdict {
    const { perSecond, burst } = this.#rate;
    if (perSecond === 0) return 'taken';
    const tat = nextTat(this.#sentTat, nowMs, Math.ceil(MICROSECONDS / perSecond), burst, fromMs);
    if (tat === undefined) return this.refuse(nowMs);
    this.#sentTat = tat;
    return 'taken';
  }

  /** Whether a message is within the rate. Counts nothing. */
  hasRoom(nowMs: number, fromMs = nowMs): boolean {
    const { perSecond, burst } = this.#rate;
    if (perSecond === 0) return true;
    return nextTat(this.#sentTat, nowMs, Math.ceil(MICROSECONDS / perSecond), burst, fromMs) !== undefined;
  }

  /**
   * Counts a message that is refused, whatever the rate.
   * @param nowMs a clock that nobody sets, in milliseconds
   */
  refuse(nowMs: number): 'refused' | 'flood' {
    const { burst } = this.#rate;
    const tat = nextTat(this.#refusedTat, nowMs, Math.ceil((FORGIVENESS_MS * 1000) / burst), burst);
    if (tat === undefined) return 'flood';
    this.#refusedTat = tat;
    return 'refused';
  }
}

/** @returns undefined when `burst` came already and not one of them is `intervalUs` ago */
function nextTat(
  tatUs: number,
  nowMs: number,
  intervalUs: number,
  burst: number,
  fromMs = nowMs,
): number | undefined {
  const nowUs = nowMs * 1000;
  const toleranceUs = intervalUs * (burst - 1);
  // No message leaves a later one, unless the clock was set back: then it starts over, one message from full.
  const kept = tatUs > nowUs + toleranceUs + intervalUs ? nowUs + toleranceUs : tatUs;
  const tat = Math.max(kept, fromMs * 1000);
  return tat - toleranceUs > nowUs ? undefined : tat + intervalUs;
}
