/** What one limit says after an upgrade was counted against it. */
export interface LimitState {
  readonly limit: number;
  /** How many more upgrades would be admitted at once. */
  readonly remaining: number;
  /** Seconds until the next one would be admitted; 0 when it would be now. */
  readonly retryAfterSeconds: number;
  /** Seconds until the limit is as if never used. */
  readonly resetSeconds: number;
}

/** The answer of a {@link RateLimiter}. */
export interface LimitVerdict {
  readonly admitted: boolean;
  /** The limit that refuses, or the one nearest to it. */
  readonly state: LimitState;
}

/** Counts upgrades against a tenant's limit. */
export interface RateLimiter {
  /**
   * Charges one upgrade to the tenant, or refuses and charges nothing.
   * @throws StoreUnreachableError when it cannot be told within the store's timeout
   */
  consume(tenantId: string): Promise<LimitVerdict>;
}

/** The store behind the limits did not answer in time, or cannot be reached. */
export class StoreUnreachableError extends Error {
  override readonly name = 'StoreUnreachableError';
  readonly code = 'ERR_STORE_UNREACHABLE';
}

/**
 * The response headers that tell a client its limit: the IETF draft's RateLimit-* and the X-RateLimit-* that
 * Kong's own rate-limiting plugin sends beside them.
 */
export function rateLimitHeaders(state: LimitState): Readonly<Record<string, string>> {
  const [limit, remaining, reset] = [state.limit, state.remaining, state.resetSeconds].map(String) as [
    string,
    string,
    string,
  ];
  return {
    'RateLimit-Limit': limit,
    'RateLimit-Remaining': remaining,
    'RateLimit-Reset': reset,
    'X-RateLimit-Limit': limit,
    'X-RateLimit-Remaining': remaining,
    'X-RateLimit-Reset': reset,
  };
}
