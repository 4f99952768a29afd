import type { RateLimitReset } from '../config/config';
import type { LimitState } from '../store/store';

const MICROSECONDS = 1_000_000;

/** The state to tell of: the limit that refuses longest, or the one nearest to refusing. */
export function tellingState(states: readonly LimitState[]): LimitState | undefined {
  return [...states].sort((a, b) => b.retryAfterUs - a.retryAfterUs || a.remaining - b.remaining)[0];
}

/**
 * The response headers that tell a client its limit: the IETF draft's RateLimit-* and the X-RateLimit-* that
 * Kong's own rate-limiting plugin sends beside them. Times in seconds; X-RateLimit-Reset may be a moment instead.
 * @param now seconds since the epoch
 */
export function rateLimitHeaders(
  state: LimitState,
  resetAs: RateLimitReset,
  now: number,
): Readonly<Record<string, string>> {
  const limit = String(state.limit);
  const remaining = String(state.remaining);
  const reset = String(Math.ceil(state.resetUs / MICROSECONDS));
  return {
    'RateLimit-Limit': limit,
    'RateLimit-Remaining': remaining,
    'RateLimit-Reset': reset,
    'X-RateLimit-Limit': limit,
    'X-RateLimit-Remaining': remaining,
    'X-RateLimit-Reset':
      resetAs === 'timestamp' ? String(Math.ceil(now + state.resetUs / MICROSECONDS)) : reset,
  };
}

/** Retry-After (RFC 9110 §10.2.3) in seconds, at least one. */
export function retryAfter(state: LimitState): string {
  return String(Math.max(1, Math.ceil(state.retryAfterUs / MICROSECONDS)));
}
