import type { AppliedLimit } from './limits';

/** What one limit says after an upgrade was counted against it. */
export interface LimitState {
  readonly limit: number;
  /** How many more upgrades would be admitted at once. */
  readonly remaining: number;
  /** Microseconds until the next one would be admitted; 0 when it would be now. */
  readonly retryAfterUs: number;
  /** Microseconds until the limit is as if never used. */
  readonly resetUs: number;
}

/** What the store is asked about one upgrade. */
export interface StoreQuery {
  readonly limits: readonly AppliedLimit[];
  /** The key whose existence means that the token was revoked. */
  readonly revocationKey: string | undefined;
  /** The key with the tenant's tier, which chooses among a limit's charges. */
  readonly tierKey?: string | undefined;
}

/** What the store says. */
export interface StoreAnswer {
  /** Whether every limit admits. */
  readonly admitted: boolean;
  /** One a limit, in the order of the query. */
  readonly states: readonly LimitState[];
  readonly revoked: boolean;
}

/** Counts upgrades and knows revoked tokens. */
export interface Store {
  /**
   * Charges one upgrade to every limit. Limits that share a slot are charged together or not at all.
   * @throws StoreUnreachableError when it cannot be told within the store's timeout
   */
  ask(query: StoreQuery): Promise<StoreAnswer>;
}

/** The store did not answer in time, or cannot be reached. */
export class StoreUnreachableError extends Error {
  override readonly name = 'StoreUnreachableError';
  readonly code = 'ERR_STORE_UNREACHABLE';
}
