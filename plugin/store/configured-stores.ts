import type { Logger } from 'pino';
import type { GatekeeperConfig } from '../config/config';
import { holdStores, type HeldStores } from './held-stores';
import { sparingStore } from './sparing-store';
import { splitStore } from './split-store';

/**
 * Holds the stores that a configuration asks: one Redis, or one for its limits and another for revoked tokens. Undefined when it
 * limits nothing and looks up nothing.
 */
export function storesOf(
  { rateLimits, revocation, redis }: Pick<GatekeeperConfig, 'rateLimits' | 'revocation' | 'redis'>,
  log: Logger,
): HeldStores | undefined {
  const isLimited = rateLimits.length > 0;
  const ofTokens = revocation.enabled ? revocation.redis : undefined;
  if (ofTokens === undefined) {
    return isLimited || revocation.enabled ? sparing(holdStores(redis, log)) : undefined;
  }
  const tokens = holdStores(ofTokens, log.child({ redis: 'revocation' }));
  if (!isLimited) return sparing(tokens);
  const limits = holdStores(redis, log);
  return {
    shared: sparingStore(splitStore(limits.shared, tokens.shared)),
    memory: limits.memory,
    release() {
      limits.release();
      tokens.release();
    },
  };
}

function sparing(stores: HeldStores): HeldStores {
  return { ...stores, shared: sparingStore(stores.shared) };
}
