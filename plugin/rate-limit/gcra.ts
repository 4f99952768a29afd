import type { RateLimit } from '../config';
import type { LimitVerdict } from './limiter';

const MICROSECONDS = 1_000_000;

/** GCRA's emission interval in microseconds, rounded up so that no window ever gets more than it may. */
export function emissionIntervalUs(limit: RateLimit): number {
  return Math.ceil((limit.windowSeconds * MICROSECONDS) / limit.limit);
}

/** Reads the reply of gcra.lua for one limit. */
export function verdictFromReply(reply: readonly number[], limit: RateLimit): LimitVerdict {
  const [refused, remaining, retryAfterUs, resetUs] = reply;
  if (
    refused === undefined ||
    remaining === undefined ||
    retryAfterUs === undefined ||
    resetUs === undefined
  ) {
    throw new TypeError('expected four numbers from gcra.lua');
  }
  return {
    admitted: refused === 0,
    state: {
      limit: limit.limit,
      remaining,
      retryAfterSeconds: Math.ceil(retryAfterUs / MICROSECONDS),
      resetSeconds: Math.ceil(resetUs / MICROSECONDS),
    },
  };
}
