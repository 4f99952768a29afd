import type { GatekeeperConfig } from './config/config';
import { isWebSocketUpgrade, type UpgradeRequest } from './request/request';
import type { Store, StoreQuery } from './store/store';

/** How long an answer of Redis stands for the next checks, in milliseconds: anybody may ask, and as often as they like. */
export const HEALTH_REMEMBERED_MS = 1000;

/** The gatekeeper's answer to a balancer, which never reaches the upstream: none that is dead can look healthy. */
export interface HealthAnswer {
  readonly outcome: 'health_check';
  readonly status: 200 | 503;
  readonly body: string;
}

/** Whether this is a balancer's check: no upgrade, at exactly the configured path. */
export function isHealthCheck(request: UpgradeRequest, { healthPath }: GatekeeperConfig): boolean {
  return healthPath !== undefined && request.path === healthPath && !isWebSocketUpgrade(request);
}

/** Whether upgrades can be decided by a configuration: asks its store what an upgrade would ask, at most once a second. */
export class Health {
  readonly #store: Store;
  readonly #query: StoreQuery;
  readonly #nowMs: () => number;
  #asked: Promise<boolean> | undefined;
  #askedMs = 0;

  /** @param nowMs a monotonic clock, milliseconds */
  constructor(store: Store, config: GatekeeperConfig, nowMs: () => number) {
    this.#store = store;
    this.#query = healthQuery(config);
    this.#nowMs = nowMs;
  }

  async answer(): Promise<HealthAnswer> {
    const redis = await this.#redisAnswers();
    const status = redis ? 'ok' : 'unavailable';
    const body = JSON.stringify({ status, ready: { configuration: true, redis } });
    return { outcome: 'health_check', status: redis ? 200 : 503, body };
  }

  async #redisAnswers(): Promise<boolean> {
    // A configuration that limits nothing and looks up nothing needs none.
    if (this.#query.limits.length === 0 && this.#query.revocationKey === undefined) return true;
    const nowMs = this.#nowMs();
    if (this.#asked === undefined || nowMs - this.#askedMs >= HEALTH_REMEMBERED_MS) {
      this.#askedMs = nowMs;
      this.#asked = this.#store.ask(this.#query).then(
        ({ uncounted = [], revoked }) => uncounted.length === 0 && revoked !== undefined,
        () => false,
      );
    }
    return this.#asked;
  }
}

/** Nobody's limit, and nobody's token: what upgrades of this configuration read and write, under keys of its own. */
function healthQuery({ rateLimits, revocation, redis }: GatekeeperConfig): StoreQuery {
  const rate = { limit: 1000, windowSeconds: 1, burst: 1000 };
  const limit = { key: `${redis.keyPrefix}health`, slot: 'health', rate };
  return {
    limits: rateLimits.length > 0 ? [limit] : [],
    revocationKey: revocation.enabled ? `${revocation.keyPrefix}health` : undefined,
  };
}
