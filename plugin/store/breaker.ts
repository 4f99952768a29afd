import { StoreUnreachableError, type Store } from './store';

/** How many failures in a row end the asking. */
export const BREAKER_FAILURES = 3;
/** How long nothing is asked then; one upgrade tries again after that, in milliseconds. */
export const BREAKER_RETRY_MS = 1000;

/**
 * Stops asking a store that does not answer, so that not every upgrade waits for its timeout, and tries again by itself.
 * @param nowMs a monotonic clock, milliseconds
 * @param onChange told when asking ends and when it begins again
 */
export function breaker(store: Store, nowMs: () => number, onChange: (open: boolean) => void): Store {
  let failures = 0;
  let retryAt = 0;
  return {
    async ask(query) {
      const open = failures >= BREAKER_FAILURES;
      if (open && nowMs() < retryAt) throw new StoreUnreachableError('not asked: it did not answer before');
      // This one tries; the others that come meanwhile do not wait with it.
      if (open) retryAt = nowMs() + BREAKER_RETRY_MS;
      try {
        const answer = await store.ask(query);
        if (failures >= BREAKER_FAILURES) onChange(false);
        failures = 0;
        return answer;
      } catch (cause) {
        failures += 1;
        retryAt = nowMs() + BREAKER_RETRY_MS;
        if (failures === BREAKER_FAILURES) onChange(true);
        throw cause;
      }
    },
  };
}
