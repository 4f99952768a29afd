import type { GatekeeperConfig } from '../config/config';
import { Refusal } from '../request/refusal';
import { StoreUnreachableError, type Store, type StoreAnswer, type StoreQuery } from '../store/store';

/** The stores that count upgrades and know revoked tokens. */
export interface Stores {
  /** Shared by all gatekeepers. */
  readonly store: Store;
  /** Asked in its place while it cannot be reached, where the configuration allows it. */
  readonly fallbackStore: Store;
}

/** Seconds that a client is told to wait when the store cannot be reached. */
const RETRY_AFTER_UNREACHABLE_SECONDS = 1;

/**
 * Asks the shared store, and the fallback for the limits that the shared one did not count, where the configuration allows it.
 * @throws Refusal 503 when what is asked cannot be known
 */
export async function askStores(
  query: StoreQuery,
  config: Pick<GatekeeperConfig, 'revocation' | 'faultTolerant'>,
  { store, fallbackStore }: Stores,
): Promise<StoreAnswer> {
  if (query.limits.length === 0 && query.revocationKey === undefined) {
    return { admitted: true, states: [], revoked: false };
  }
  const answer = await askShared(query, store);
  const { uncounted = [], revoked } = answer;
  if (revoked === true) return answer;
  if (revoked === undefined) {
    if (!config.revocation.faultTolerant) throw unknown('Whether the token was revoked');
    if (wasRevoked(query, store)) return { ...answer, revoked: true };
  }
  if (uncounted.length === 0) return answer;
  if (!config.faultTolerant) throw unknown('The rate limit');
  const counted = await fallbackStore.ask({ ...query, limits: uncounted, revocationKey: undefined });
  return bothAnswers(query, answer, counted);
}

/** Whether its token is one that the shared store told to be revoked. */
export function wasRevoked({ revocationKey }: StoreQuery, store: Store): boolean {
  return revocationKey !== undefined && store.wasRevoked?.(revocationKey) === true;
}

/** Where nothing is answered, nothing is known; otherwise each answer stands, whatever became of the others. */
async function askShared(query: StoreQuery, store: Store): Promise<StoreAnswer> {
  try {
    return await store.ask(query);
  } catch (cause) {
    if (!(cause instanceof StoreUnreachableError)) throw cause;
    const revoked = query.revocationKey === undefined ? false : undefined;
    return { admitted: true, states: [], uncounted: query.limits, revoked };
  }
}

function unknown(what: string): Refusal {
  return new Refusal('redis_unreachable', `${what} cannot be checked, try again later`, {
    'Retry-After': String(RETRY_AFTER_UNREACHABLE_SECONDS),
  });
}

/** The states of limits that Redis counted, and from this process's memory those that it did not. */
function bothAnswers({ limits }: StoreQuery, shared: StoreAnswer, memory: StoreAnswer): StoreAnswer {
  const uncounted = new Set(shared.uncounted);
  const [inRedis, inMemory] = [shared.states.values(), memory.states.values()];
  const states = limits.map((limit) => (uncounted.has(limit) ? inMemory : inRedis).next().value);
  return {
    admitted: shared.admitted && memory.admitted,
    states: states.filter((state) => state !== undefined),
    revoked: shared.revoked,
  };
}
