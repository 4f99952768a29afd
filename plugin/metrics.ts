import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

/** The gatekeeper's metrics; default process metrics are collected once someone serves them. */
export const registry = new Registry();

/** Upgrades by what was decided: `admitted`, or the refusal's code. */
export const decisions = new Counter({
  name: 'ws_gatekeeper_decisions_total',
  help: 'Upgrades decided, by outcome.',
  labelNames: ['outcome'],
  registers: [registry],
});

/** Time to verify a token that was not in the cache. */
export const verificationSeconds = new Histogram({
  name: 'ws_gatekeeper_verification_seconds',
  help: 'Time to verify a token that was not remembered, fetching keys included.',
  buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers: [registry],
});

/** Time that Redis took to answer a decision. */
export const redisSeconds = new Histogram({
  name: 'ws_gatekeeper_redis_seconds',
  help: 'Time of the round trip to Redis of a decision, failed ones included.',
  buckets: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers: [registry],
});

/** Decisions whose limits were kept in this process's memory. */
export const fallbacks = new Counter({
  name: 'ws_gatekeeper_fallback_decisions_total',
  help: 'Decisions taken with the limits in memory because Redis was away.',
  registers: [registry],
});

/** Fetches of a JWK Set that failed. */
export const jwksFailures = new Counter({
  name: 'ws_gatekeeper_jwks_failures_total',
  help: 'Failed fetches of jwks_uri.',
  registers: [registry],
});

/** Begins to collect the process's own metrics. */
export function collectProcessMetrics(): void {
  collectDefaultMetrics({ register: registry });
}
