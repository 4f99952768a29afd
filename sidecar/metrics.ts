import { CLOSE_CODES } from '../protocol/close-codes';
import type { GapReason } from '../protocol/frames';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** One route's counters, looked up once a socket rather than once a frame. */
export interface RouteMetrics {
  readonly connections: { inc(): void; dec(): void };
  readonly messagesReceived: { inc(): void };
  readonly framesSent: { inc(): void };
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
  const messagesReceived = new Counter({
    name: 'ws_bridge_messages_received_total',
    help: 'Messages from clients.',
    labelNames: ['route'],
    registers,
  });
  const framesSent = new Counter({
    name: 'ws_bridge_frames_sent_total',
    help: 'Data frames to clients.',
    labelNames: ['route'],
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
    for (const metric of [connections, messagesReceived, framesSent]) metric.inc({ route }, 0);
  }
  return {
    registry,
    upgrade: (route, outcome) => {
      upgrades.inc({ route: route ?? 'none', outcome });
    },
    ofRoute: (route) => ({
      connections: connections.labels(route),
      messagesReceived: messagesReceived.labels(route),
      framesSent: framesSent.labels(route),
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
