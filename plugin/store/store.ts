import type { AppliedLimit } from './limits';

/** The state of one limit after an upgrade was counted against it. */
export interface LimitState {
  readonly limit: number;
  /** How many more upgrades would be admitted at once. */
  readonly remaining: number;
  /** Microseconds until the next one would be admitted; 0 when it would be now. */
  readonly retryAfterUs: number;
  /** Microseconds until the limit is as if never used. */
  readonly resetUs: number;
}

/** A question to the store about one upgrade. */
export interface StoreQuery {
  readonly limits: readonly AppliedLimit[];
  /** The key whose existence means that the token was revoked. */
  readonly revocationKey: string | undefined;
  /** The key with the tenant's tier, which chooses among a limit's charges. */
  readonly tierKey?: string | undefined;
  /** The key of the user's returns, of which one is taken in place of a charge; in the slot of the tenant's limits. */
  readonly returnKey?: string | undefined;
  /** Whether nothing is charged or taken: somebody asks how an upgrade would be answered. */
  readonly isDryRun?: boolean | undefined;
}

/** The store's answer. A question that it does not answer takes nothing from the answers to the others. */
export interface StoreAnswer {
  /** Whether every limit that was counted admits. */
  readonly admitted: boolean;
  /** One a limit that was counted, in the order of the query. */
  readonly states: readonly LimitState[];
  /** The limits that could not be counted, in the order of the query; none when it is not there. */
  readonly uncounted?: readonly AppliedLimit[];
  /** Undefined when it cannot be told. */
  readonly revoked: boolean | undefined;
}

/** Counts upgrades and knows revoked tokens. */
export interface Store {
  /**
   * Charges one upgrade to every limit. Limits are charged together or not at all, in a cluster those that share a slot.
   * @throws StoreUnreachableError when nothing of it is answered within the store's timeout
   */
  ask(query: StoreQuery): Promise<StoreAnswer>;
  /**
   * Whether the token turned out to be revoked when it was asked for last. Not there of a store that remembers none.
   * @param revocationKey the key of {@link StoreQuery}
   */
  wasRevoked?(revocationKey: string): boolean;
}

/** The store did not answer in time, or cannot be reached. */
export class StoreUnreachableError extends Error {
  override readonly name = 'StoreUnreachableError';
  readonly code = 'ERR_STORE_UNREACHABLE';
}

/** The store answered that it does not do what it was asked; the message is its own. */
export class StoreRefusedError extends Error {
  override readonly name = 'StoreRefusedError';
  readonly code = 'ERR_STORE_REFUSED';
}
