import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { registerHeld, type Held } from './gauges';
import { createRouteMetrics, GAP_REASONS, type RouteMetrics } from './route-metrics';
import {
  type HandoverOutcome,
  RING_BOUNDS,
  RING_VICTIMS,
  type RingBound,
  type RingVictim,
  UPGRADE_OUTCOMES,
  type UpgradeOutcome,
  PROBE_OUTCOMES,
  type ProbeOutcome,
  COMMAND_OUTCOMES,
  type CommandOutcome,
  RELAY_OUTCOMES,
  type RelayOutcome,
} from './outcomes';
import type { SubscriberName } from '../redis/connection-names';

export type { RouteMetrics } from './route-metrics';

/** The bridge's metrics, in a registry of their own. */
export interface Metrics {
  readonly registry: Registry;
  /** Counts an upgrade that took so many seconds, if it could be read; a route that does not exist is "none". */
  upgrade(route: string | undefined, outcome: UpgradeOutcome, seconds?: number): void;
  ofRoute(route: string): RouteMetrics;
  /** Takes the seconds from a flush's first frame to its last write. Call it once a flush at most: it costs 0.4 µs. */
  readonly writeLag: { observe(seconds: number): void };
  /** Counts a handover between bridges by this one's side of it. */
  handover(side: 'taken' | 'given', outcome: HandoverOutcome): void;
  /** @param seconds from publishing to hearing, when it was heard */
  probe(connection: SubscriberName, outcome: ProbeOutcome, seconds?: number): void;
  command(outcome: CommandOutcome): void;
  relayed(outcome: RelayOutcome): void;
  /** Frames that were kept for clients that come back had to go, because rings together held too much. */
  ringGivenUp(bound: RingBound, victim: RingVictim): void;
  /** A revocation came on `ws:control`. */
  revocation(): void;
}

/** A request for a path that no route has. */
const NO_ROUTE = 'none';

/** Seconds. */
const LAG_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Metrics are made of these. */
export interface MetricsContext {
  /** The routes' names: each is a label from the start. */
  readonly routes: readonly string[];
  readonly held: Held;
  /** Tenants with a label of their own, at most; 0 leaves tenants out. */
  readonly maxTenants: number;
}

/** Makes the bridge's metrics. Labels take values of closed sets only, but for tenants, which are capped. */
export function createMetrics({ routes, held, maxTenants }: MetricsContext): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  registerHeld(held, registry);
  const upgrades = new Counter({
    name: 'ws_bridge_upgrades_total',
    help: 'Upgrade requests by what came of them.',
    labelNames: ['route', 'outcome'],
    registers,
  });
  const upgradeSeconds = new Histogram({
    name: 'ws_bridge_upgrade_seconds',
    help: 'From an upgrade request to its answer.',
    labelNames: ['result'],
    buckets: LAG_BUCKETS,
    registers,
  });
  const writeLag = new Histogram({
    name: 'ws_bridge_write_lag_seconds',
    help: 'Time that frames waited in the bridge for their write, from the first of a flush to its last write.',
    buckets: LAG_BUCKETS,
    registers,
  });
  const handovers = new Counter({
    name: 'ws_bridge_handovers_total',
    help: 'Clients that came from another bridge (taken) or went to one (given), by what came of it.',
    labelNames: ['side', 'outcome'],
    registers,
  });
  const probes = new Counter({
    name: 'ws_bridge_delivery_probes_total',
    help: 'Probes of delivery by what came of them.',
    labelNames: ['connection', 'outcome'],
    registers,
  });
  const probeSeconds = new Histogram({
    name: 'ws_bridge_delivery_probe_seconds',
    help: 'From publishing a probe to hearing it on the subscribed connection: the way of a message through Redis.',
    labelNames: ['connection'],
    buckets: LAG_BUCKETS,
    registers,
  });
  const commands = new Counter({
    name: 'ws_bridge_commands_total',
    help: 'Commands on their way to the stream by what came of them.',
    labelNames: ['outcome'],
    registers,
  });
  const relayed = new Counter({
    name: 'ws_bridge_relayed_messages_total',
    help: "Messages from clients on their way to a route's other peers by what came of them.",
    labelNames: ['outcome'],
    registers,
  });
  const revocations = new Counter({
    name: 'ws_bridge_revocations_total',
    help: 'Revocations that came on ws:control.',
    registers,
  });
  const ringGivenUps = new Counter({
    name: 'ws_bridge_ring_evictions_total',
    help: 'Times that a lingering replay log dropped its frames, or an open one its oldest. Rings together held more than a tenant may, or than all may.',
    labelNames: ['bound', 'streams'],
    registers,
  });
  for (const bound of RING_BOUNDS)
    for (const streams of RING_VICTIMS) ringGivenUps.inc({ bound, streams }, 0);
  for (const route of [...routes, NO_ROUTE]) {
    for (const outcome of UPGRADE_OUTCOMES) upgrades.inc({ route, outcome }, 0);
  }
  for (const outcome of ['done', 'failed', ...GAP_REASONS]) {
    for (const side of ['taken', 'given']) handovers.inc({ side, outcome }, 0);
  }
  for (const connection of Object.keys(held.delivers())) {
    for (const outcome of PROBE_OUTCOMES) probes.inc({ connection, outcome }, 0);
  }
  for (const outcome of COMMAND_OUTCOMES) commands.inc({ outcome }, 0);
  for (const outcome of RELAY_OUTCOMES) relayed.inc({ outcome }, 0);
  return {
    registry,
    writeLag,
    ofRoute: createRouteMetrics(routes, maxTenants, registry),
    upgrade: (route, outcome, seconds) => {
      upgrades.inc({ route: route ?? NO_ROUTE, outcome });
      if (seconds === undefined) return;
      upgradeSeconds.observe({ result: outcome === 'admitted' ? 'admitted' : 'refused' }, seconds);
    },
    probe: (connection, outcome, seconds) => {
      probes.inc({ connection, outcome });
      if (seconds !== undefined) probeSeconds.observe({ connection }, seconds);
    },
    command: (outcome) => {
      commands.inc({ outcome });
    },
    relayed: (outcome) => {
      relayed.inc({ outcome });
    },
    ringGivenUp: (bound, streams) => {
      ringGivenUps.inc({ bound, streams });
    },
    revocation: () => {
      revocations.inc();
    },
    handover: (side, outcome) => {
      handovers.inc({ side, outcome });
    },
  };
}
