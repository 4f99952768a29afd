import { CLOSE_CODES } from '../protocol/close-codes';
import type { GapReason } from '../protocol/frames';
import type { HandoverOutcome } from './handover';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createTraffic, type Traffic } from './traffic';

/** What became of a client that did not take its frames: closed with 4408, or an older frame was replaced by a newer one. */
export type SlowConsumerAction = 'closed' | 'replaced';

/** One route's counters, looked up once a socket rather than once a frame. */
export interface RouteMetrics {
  readonly connections: { inc(): void; dec(): void };
  readonly traffic: Traffic;
  /** A client did not take its frames in time, and what the bridge did then. */
  slowConsumer(action: SlowConsumerAction): void;
  /** A socket closed, with the code that it was closed with (RFC 6455 §7.1.5). */
  closed(code: number): void;
  /** A client asked to resume: `resumed`, or the reason of the gap that it got. */
  resume(outcome: 'resumed' | GapReason): void;
  /** A `bridge.gap` was sent. */
  gap(reason: GapReason): void;
}

/** What the bridge counts, in a registry of its own. */
export interface Metrics {
  readonly registry: Registry;
  /** Counts an upgrade; a route that does not exist is "none". */
  upgrade(route: string | undefined, outcome: string): void;
  ofRoute(route: string): RouteMetrics;
  /** Takes seconds from a message's arrival from Redis to the writes of its frames. For one a turn at most: it costs 0.4 µs. */
  readonly writeLag: { observe(seconds: number): void };
  /** Counts a handover between bridges by this one's side of it. */
  handover(side: 'taken' | 'given', outcome: HandoverOutcome): void;
}

/** RFC 6455 §7.4.1 for those that no close frame carries, and the bridge's own. */
const KNOWN_CODES = new Set([1000, 1005, 1006, ...Object.values(CLOSE_CODES).map(({ code }) => code)]);

/** Counts that others keep: subscribed channels, and streams. */
export interface HeldCounts {
  readonly subscriptions: () => number;
  readonly streams: () => number;
}

/**
 * @param routes their names, so that each counts from 0
 * @param held how many of a thing there are now
 */
export function createMetrics(routes: readonly string[], held: HeldCounts): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const connections = new Gauge({
    name: 'ws_bridge_connections',
    help: 'Open WebSocket connections.',
    labelNames: ['route'],
    registers,
  });
  const upgrades = new Counter({
    name: 'ws_bridge_upgrades_total',
    help: 'Upgrade requests by what came of them.',
    labelNames: ['route', 'outcome'],
    registers,
  });
  const closes = new Counter({
    name: 'ws_bridge_closes_total',
    help: 'Closed connections by close code.',
    labelNames: ['route', 'code'],
    registers,
  });
  const resumes = new Counter({
    name: 'ws_bridge_resumes_total',
    help: 'Resume points that clients came back with, by what came of them.',
    labelNames: ['route', 'outcome'],
    registers,
  });
  const gaps = new Counter({
    name: 'ws_bridge_gaps_total',
    help: 'Gaps that clients were told of, by reason.',
    labelNames: ['route', 'reason'],
    registers,
  });
  const slowConsumers = new Counter({
    name: 'ws_bridge_slow_consumer_actions_total',
    help: 'What was done because a client did not take its frames in time.',
    labelNames: ['route', 'action'],
    registers,
  });
  const writeLag = new Histogram({
    name: 'ws_bridge_write_lag_seconds',
    help: 'From a message coming in from Redis to the last write of its frames to sockets; sampled.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const trafficOf = createTraffic(routes, registry);
  const handovers = new Counter({
    name: 'ws_bridge_handovers_total',
    help: 'Clients that came from another bridge (taken) or went to one (given), by what came of it.',
    labelNames: ['side', 'outcome'],
    registers,
  });
  new Gauge({
    name: 'ws_bridge_streams',
    help: 'Streams whose recent frames are kept for clients that come back.',
    registers,
    collect() {
      this.set(held.streams());
    },
  });
  new Gauge({
    name: 'ws_bridge_subscriptions',
    help: 'Redis channels with at least one socket.',
    registers,
    collect() {
      this.set(held.subscriptions());
    },
  });
  for (const route of routes) {
    connections.inc({ route }, 0);
  }
  return {
    registry,
    writeLag,
    upgrade: (route, outcome) => {
      upgrades.inc({ route: route ?? 'none', outcome });
    },
    handover: (side, outcome) => {
      handovers.inc({ side, outcome });
    },
    ofRoute: (route) => ({
      connections: connections.labels(route),
      traffic: trafficOf(route),
      slowConsumer: (action) => {
        slowConsumers.inc({ route, action });
      },
      closed: (code) => {
        // A client may send any code: those that say nothing of the bridge are one series.
        closes.inc({ route, code: KNOWN_CODES.has(code) ? `${code}` : 'other' });
      },
      resume: (outcome) => {
        resumes.inc({ route, outcome });
      },
      gap: (reason) => {
        gaps.inc({ route, reason });
      },
    }),
  };
}
