import { expect } from '@jest/globals';
import { parseConfig } from '../../../plugin/config/parse';
import type { FindConsumer } from '../../../plugin/consumer/consumer';
import { decide, type DecisionContext } from '../../../plugin/decision/decide';
import { RefusedUpgrades } from '../../../plugin/decision/refused-upgrades';
import type { Admit, Reject } from '../../../plugin/decision/verdict';
import { configuredKeys } from '../../../plugin/keys/key-source';
import type { HeaderSelection } from '../../../plugin/request/header-selection';
import { lookedAtHeaders, type RoutedUpgrade } from '../../../plugin/request/request';
import { MemoryLimits } from '../../../plugin/store/memory-limits';
import type { LimitState, Store, StoreAnswer, StoreQuery } from '../../../plugin/store/store';
import { unremembered } from '../../../plugin/token/cache';
import { verifyToken } from '../../../plugin/token/verify';
import { NOW, rawConfig, upgradeHeaders } from '../fixture';

export const state = (changes: Partial<LimitState> = {}): LimitState => ({
  limit: 60,
  remaining: 10,
  retryAfterUs: 0,
  resetUs: 1_000_000,
  ...changes,
});
export const FREE: StoreAnswer = { admitted: true, states: [state()], revoked: false };

/** A store that always says the same, and remembers what it was asked. */
export function storeSaying(answer: StoreAnswer | Error): Store & { readonly asked: StoreQuery[] } {
  const asked: StoreQuery[] = [];
  return {
    asked,
    ask(query) {
      asked.push(query);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
}

export interface Given {
  readonly token?: string | undefined;
  readonly headers?: Record<string, string[]>;
  readonly config?: Record<string, unknown>;
  readonly request?: Partial<RoutedUpgrade>;
  readonly store?: Store;
  readonly fallbackStore?: Store;
  readonly at?: number;
  readonly refused?: RefusedUpgrades;
  readonly messages?: MemoryLimits;
  readonly random?: number;
  readonly findConsumer?: FindConsumer;
}

export async function verdictFor(given: Given): Promise<Admit | Reject> {
  const { config, keys } = await parseConfig(rawConfig(given.config));
  let ids = 0;
  const context: DecisionContext = {
    verifier: unremembered({
      verify: (token, now) => verifyToken(token, config.token, [configuredKeys(keys.token)], now),
    }),
    refused: given.refused ?? new RefusedUpgrades(() => 0),
    messages: given.messages ?? new MemoryLimits(() => 0, 10),
    assertionKey: keys.assertion,
    store: given.store ?? storeSaying(FREE),
    fallbackStore: given.fallbackStore ?? storeSaying(new Error('must not be asked')),
    newId: () => `id-${(ids += 1)}`,
    random: () => given.random ?? 0.5,
  };
  const headers = { ...upgradeHeaders(given.token), ...given.headers };
  const seen = guarded(headers, lookedAtHeaders(config));
  const request = { headers: seen, upstreamPath: '/ws/notifications', ...given.request };
  return decide(request, config, context, given.at ?? NOW, given.findConsumer);
}

/** Headers of which only the selected ones are there: Kong's plugin server gives no others. */
function guarded(headers: Record<string, string[]>, selection: HeaderSelection): Record<string, string[]> {
  return new Proxy(headers, {
    get(target, name) {
      const bytes = Buffer.from(String(name));
      if (selection.find(bytes, 0, bytes.length) === undefined) {
        throw new Error(`${String(name)} is looked at, but not among lookedAtHeaders`);
      }
      return target[String(name)];
    },
  });
}

export const expectRefused = (verdict: Admit | Reject, status: number, outcome: string): void => {
  expect(verdict).toMatchObject({ outcome, status });
};
