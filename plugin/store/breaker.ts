import { Breaker } from '../lib/breaker';
import { StoreUnreachableError, type Store } from './store';

/**
 * Stops asking a store that does not answer.
 * @param nowMs a monotonic clock, milliseconds
 * @param onChange told when asking ends and when it begins again
 */
export function breaker(store: Store, nowMs: () => number, onChange: (open: boolean) => void): Store {
  const own = new Breaker(nowMs, onChange);
  return {
    async ask(query) {
      if (!own.mayAsk()) throw new StoreUnreachableError('not asked: it did not answer before');
      try {
        const answer = await store.ask(query);
        own.succeeded();
        return answer;
      } catch (cause) {
        own.failed();
        throw cause;
      }
    },
  };
}
