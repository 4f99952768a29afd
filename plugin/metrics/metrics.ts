import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { packageVersion } from '../../stdio/package-version';
import { LimitedTenants } from './limited-tenants';
import { droppedLines } from '../lib/log';
import { GATEKEEPER_REFUSALS } from '../../protocol/refusals';

/** The gatekeeper's metrics; default process metrics are collected once someone serves them. */
export const registry = new Registry();
const registers = [registry];

/** Upgrades by what was decided: `admitted`, or the refusal's code. */
export const decisions = new Counter({
  name: 'ws_gatekeeper_decisions_total',
  help: "Upgrades decided, by outcome: admitted, or the refusal's code.",
  labelNames: ['outcome'],
  registers,
});

/** Time from Kong's call to the verdict. */
export const decisionSeconds = new Histogram({
  name: 'ws_gatekeeper_decision_seconds',
  help: "From Kong's call to the verdict, what is asked of Kong and of Redis included.",
  buckets: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  registers,
});

/** Time to verify a token that was not in the cache. */
export const verificationSeconds = new Histogram({
  name: 'ws_gatekeeper_verification_seconds',
  help: 'Time to verify a token that was not remembered, fetching keys included.',
  buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers,
});

/** Time that Redis took to answer a decision; each of two Redises by itself. */
export const redisSeconds = new Histogram({
  name: 'ws_gatekeeper_redis_seconds',
  help: 'Time of each round trip to Redis of a decision, failed ones included; with revocation.redis a decision may have two.',
  buckets: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers,
});

/** Decisions whose limits were kept in this process's memory. */
export const fallbacks = new Counter({
  name: 'ws_gatekeeper_fallback_decisions_total',
  help: 'Decisions taken with the limits in memory because Redis was away.',
  registers,
});

/** Configurations whose Redis is not asked at present. */
export const openBreakers = new Gauge({
  name: 'ws_gatekeeper_redis_breakers_open',
  help: 'Configurations whose Redis does not answer and is asked only once a second.',
  registers,
});

/** Calls of an authorization service by what came of them. */
export const authorizationCalls = new Counter({
  name: 'ws_gatekeeper_authorization_calls_total',
  help: 'Calls of a url of authorization by what came of them: allowed, refused, or failed.',
  labelNames: ['outcome'],
  registers,
});

/** Time that an authorization service took. */
export const authorizationSeconds = new Histogram({
  name: 'ws_gatekeeper_authorization_seconds',
  help: 'Time of each call of a url of authorization, failed ones included.',
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  registers,
});

/** Authorization services that are not asked at present. */
export const openAuthorizationBreakers = new Gauge({
  name: 'ws_gatekeeper_authorization_breakers_open',
  help: 'Authorization services, by configuration, that do not respond and are asked only once a second.',
  registers,
});

/** Fetches of a JWK Set. */
export const jwksFetches = new Counter({
  name: 'ws_gatekeeper_jwks_fetches_total',
  help: 'Fetches of jwks_uri by what came of them.',
  labelNames: ['outcome'],
  registers,
});

/** How old a JWK Set was when a token was verified with it. */
export const jwksAgeSeconds = new Histogram({
  name: 'ws_gatekeeper_jwks_age_seconds',
  help: 'Age of the fetched keys at each verification that used them.',
  buckets: [60, 300, 600, 1200, 3600, 7200, 14_400, 43_200, 86_400],
  registers,
});

/** Verifications with a JWK Set that should have been fetched anew. */
export const jwksStaleUses = new Counter({
  name: 'ws_gatekeeper_jwks_stale_uses_total',
  help: 'Verifications with fetched keys that are older than jwks_cache_seconds.',
  registers,
});

readCounter(
  'ws_gatekeeper_log_lines_dropped_total',
  'Log lines that were dropped because standard output was not read.',
  droppedLines,
);

new Gauge({
  name: 'ws_gatekeeper_build_info',
  help: '1, with the versions of ws-gatekeeper and of Node as labels.',
  labelNames: ['version', 'node'],
  // The same of every worker.
  aggregator: 'first',
  registers,
}).set({ version: packageVersion(), node: process.version }, 1);

let limitedTenants: LimitedTenants | undefined;

/** Begins to count refusals by tenant, each of at most `maxTenants` under a label of its own; 0 counts none. */
export function exportLimitedTenants(maxTenants: number): void {
  limitedTenants =
    maxTenants === 0 ? undefined : new LimitedTenants(maxTenants, registry, () => performance.now());
}

/** A tenant's upgrade was refused with 429. */
export function countLimited(tenant: string): void {
  limitedTenants?.count(tenant);
}

/**
 * Observes the time since then: what startTimer() does, without its closure and its arrays.
 * @param begunMs by performance.now()
 */
export function observeSince(histogram: Histogram, begunMs: number): void {
  histogram.observe((performance.now() - begunMs) / 1000);
}

/** The instances and calls that Kong has, told by the plugin server. */
export interface ServerLoad {
  readonly connections: number;
  readonly callsInFlight: number;
  readonly instances: number;
}

/** Begins to export what a plugin server holds. */
export function exportServerLoad(load: () => ServerLoad): void {
  gauge('ws_gatekeeper_connections', 'Open connections of Kong.', () => load().connections);
  gauge('ws_gatekeeper_calls_in_flight', 'Decisions that are being taken.', () => load().callsInFlight);
  gauge(
    'ws_gatekeeper_instances',
    'Instances of the plugin that Kong has started, one a worker and configuration.',
    () => load().instances,
  );
}

/** The workers of a gatekeeper, told by their pool. */
export interface CountedWorkers {
  readonly ready: number;
  readonly deaths: number;
  readonly hangs: number;
}

/** Begins to export how many workers serve Kong, how many have died, and how many of them hung. */
export function exportWorkers(workers: CountedWorkers): void {
  gauge('ws_gatekeeper_workers', 'Workers that listen; not exported without --workers.', () => workers.ready);
  readCounter(
    'ws_gatekeeper_worker_deaths_total',
    'Workers that died; not exported without --workers.',
    () => workers.deaths,
  );
  readCounter(
    'ws_gatekeeper_worker_hangs_total',
    'Workers that did not answer their primary and were killed; not exported without --workers.',
    () => workers.hangs,
  );
}

/** Begins to export how many addresses' refused upgrades are remembered. */
export function exportRefusedAddresses(count: () => number): void {
  gauge(
    'ws_gatekeeper_refused_addresses',
    'States of addresses whose refused upgrades are remembered, one for an address and a limit.',
    count,
  );
}

/** Begins to collect the process's own metrics. */
export function collectProcessMetrics(): void {
  collectDefaultMetrics({ register: registry });
}

// Every series is there from the start, so that a first event is an increase.
for (const outcome of ['admitted', ...Object.keys(GATEKEEPER_REFUSALS)]) decisions.inc({ outcome }, 0);
for (const outcome of ['allowed', 'refused', 'failed']) authorizationCalls.inc({ outcome }, 0);
for (const outcome of ['done', 'failed']) jwksFetches.inc({ outcome }, 0);

function readCounter(name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

function gauge(name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}
