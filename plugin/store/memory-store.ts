import type { KnownTiers } from './known-tiers';
import { chargeOf } from './limits';
import { MemoryLimits } from './memory-limits';
import type { Store, StoreAnswer } from './store';

/** How many limits' states are kept; the least recently used one goes first. */
export const MAX_MEMORY_LIMITS = 100_000;

/**
 * The same limits in this process's memory, for while Redis is away: each gatekeeper then admits as much as all of them
 * together did before. It knows no revoked token.
 * @param nowUs the clock, microseconds of any clock that runs on
 * @param known the tenants' tiers as far as Redis told them
 */
export function memoryStore(nowUs: () => number, max = MAX_MEMORY_LIMITS, known?: KnownTiers): Store {
  const states = new MemoryLimits(nowUs, max);
  return {
    ask({ limits, tierKey, isDryRun }): Promise<StoreAnswer> {
      const tier = tierKey === undefined ? undefined : known?.get(tierKey)?.tier;
      const charges = limits.map((limit) => ({ ...chargeOf(limit, tier), page: limit.page }));
      const outcome = isDryRun ? states.look(charges) : states.charge(charges);
      return Promise.resolve({ admitted: outcome.admitted, states: outcome.states, revoked: false });
    },
  };
}
