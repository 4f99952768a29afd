import { collectDefaultMetrics, Histogram, Registry, type Counter } from 'prom-client';
import { labelledCounter, type LabelledCounter } from './labelled-counter';
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
  ORDER_NAMES,
  type OrderName,
  LOCK_OUTCOMES,
  type LockOutcome,
  PRESENCE_OUTCOMES,
  type PresenceOutcome,
  POST_OUTCOMES,
  type PostOutcome,
  TRANSPORTS,
  type Transport,
} from './outcomes';
import type { SubscriberName } from '../redis/connection-names';

export type { RouteMetrics } from './route-metrics';

/** The bridge's metrics, in a registry of their own. */
export interface Metrics {
  readonly registry: Registry;
  /** Counts a request for a connection that took so many seconds, if it could be read; a route that does not exist is "none". */
  upgrade(route: string | undefined, transport: Transport, outcome: UpgradeOutcome, seconds?: number): void;
  /** Counts a message that came by POST; a route that does not exist is "none". */
  posted(route: string | undefined, outcome: PostOutcome): void;
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
  /** Services were told who listens. */
  presence(outcome: PresenceOutcome, count: number): void;
  /** A name of a document was locked, or freed. */
  lock(outcome: LockOutcome): void;
  /** An order about open sockets came on `ws:control`. */
  revocation(): void;
  /** It met so many. */
  revokedConnections(order: OrderName, count: number): void;
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
  collectDefaultMetrics({ register: registry });
  registerHeld(held, registry);
  const counters = createCounters([...routes, NO_ROUTE], Object.keys(held.delivers()), registry);
  const { upgradeSeconds, probeSeconds, writeLag } = createHistograms(registry);
  return {
    registry,
    writeLag,
    ofRoute: createRouteMetrics(routes, maxTenants, registry),
    upgrade: (route, transport, outcome, seconds) => {
      counters.upgrades.inc({ route: route ?? NO_ROUTE, transport, outcome });
      if (seconds === undefined) return;
      upgradeSeconds.observe({ result: outcome === 'admitted' ? 'admitted' : 'refused' }, seconds);
    },
    probe: (connection, outcome, seconds) => {
      counters.probes.inc({ connection, outcome });
      if (seconds !== undefined) probeSeconds.observe({ connection }, seconds);
    },
    posted: (route, outcome) => {
      counters.posts.inc({ route: route ?? NO_ROUTE, outcome });
    },
    command: (outcome) => {
      counters.commands.inc({ outcome });
    },
    relayed: (outcome) => {
      counters.relayed.inc({ outcome });
    },
    ringGivenUp: (bound, streams) => {
      counters.ringEvictions.inc({ bound, streams });
    },
    presence: (outcome, count) => {
      counters.presence.inc({ outcome }, count);
    },
    lock: (outcome) => {
      counters.locks.inc({ outcome });
    },
    revocation: () => {
      counters.revocations.inc();
    },
    revokedConnections: (order, count) => {
      counters.revokedConnections.inc({ order }, count);
    },
    handover: (side, outcome) => {
      counters.handovers.inc({ side, outcome });
    },
  };
}

type Counters = Readonly<
  Record<
    | 'upgrades'
    | 'posts'
    | 'handovers'
    | 'probes'
    | 'commands'
    | 'relayed'
    | 'ringEvictions'
    | 'presence'
    | 'locks'
    | 'revocations'
    | 'revokedConnections',
    Counter
  >
>;

function createCounters(
  routes: readonly string[],
  connections: readonly string[],
  registry: Registry,
): Counters {
  const counter = <Label extends string>(
    name: string,
    help: string,
    labels: LabelledCounter<Label>['labels'],
  ): Counter<Label> => labelledCounter({ name, help, labels }, registry);
  return {
    upgrades: counter('ws_bridge_upgrades_total', 'Requests for a connection by what came of them.', {
      route: routes,
      transport: TRANSPORTS,
      outcome: UPGRADE_OUTCOMES,
    }),
    posts: counter('ws_bridge_posted_messages_total', 'Messages that came by POST by what came of them.', {
      route: routes,
      outcome: POST_OUTCOMES,
    }),
    handovers: counter(
      'ws_bridge_handovers_total',
      'Clients that came from another bridge (taken) or went to one (given), by what came of it.',
      { side: ['taken', 'given'], outcome: ['done', 'failed', ...GAP_REASONS] },
    ),
    probes: counter('ws_bridge_delivery_probes_total', 'Probes of delivery by what came of them.', {
      connection: connections,
      outcome: PROBE_OUTCOMES,
    }),
    commands: counter(
      'ws_bridge_commands_total',
      'Commands on their way to the stream by what came of them.',
      { outcome: COMMAND_OUTCOMES },
    ),
    relayed: counter(
      'ws_bridge_relayed_messages_total',
      "Messages from clients on their way to a route's other peers by what came of them.",
      { outcome: RELAY_OUTCOMES },
    ),
    ringEvictions: counter(
      'ws_bridge_ring_evictions_total',
      'Times that a lingering replay log dropped its frames, or an open one its oldest. Rings together held more than a tenant may, or than all may.',
      { bound: RING_BOUNDS, streams: RING_VICTIMS },
    ),
    presence: counter(
      'ws_bridge_presence_total',
      'Topics that got their first listener or lost their last one, and what kept services from being told.',
      { outcome: PRESENCE_OUTCOMES },
    ),
    locks: counter('ws_bridge_lock_changes_total', 'Locks of names of documents by what came of them.', {
      outcome: LOCK_OUTCOMES,
    }),
    revocations: counter(
      'ws_bridge_revocations_total',
      'Orders about open sockets that came on ws:control.',
      {},
    ),
    revokedConnections: counter(
      'ws_bridge_revoked_connections_total',
      'Connections that those orders met, by the type of the order.',
      { order: ORDER_NAMES },
    ),
  };
}

type Histograms = Readonly<Record<'upgradeSeconds' | 'probeSeconds' | 'writeLag', Histogram>>;

function createHistograms(registry: Registry): Histograms {
  const histogram = (name: string, help: string, labelNames: string[] = []): Histogram =>
    new Histogram({ name, help, labelNames, buckets: LAG_BUCKETS, registers: [registry] });
  return {
    upgradeSeconds: histogram('ws_bridge_upgrade_seconds', 'From an upgrade request to its answer.', [
      'result',
    ]),
    probeSeconds: histogram(
      'ws_bridge_delivery_probe_seconds',
      'From publishing a probe to hearing it on the subscribed connection: the way of a message through Redis.',
      ['connection'],
    ),
    writeLag: histogram(
      'ws_bridge_write_lag_seconds',
      'Time that frames waited in the bridge for their write, from the first of a flush to its last write.',
    ),
  };
}
