import { Gauge, type Counter, type Registry } from 'prom-client';
import { CLOSE_CODES } from '../../protocol/close-codes';
import { BRIDGE_ERRORS, type BridgeErrorCode, type GapReason } from '../../protocol/frames';
import { labelledCounter, type LabelledCounter } from './labelled-counter';
import { TenantConnections } from './tenant-connections';
import { createTraffic, type Traffic } from './traffic-counters';
import {
  UNSENT_BOUNDS,
  type UnsentBound,
  SLOW_CONSUMER_ACTIONS,
  type SlowConsumerAction,
  REFUSED_BYTES,
  type RefusedBytes,
  HISTORY_OUTCOMES,
  type HistoryOutcome,
  STATE_OUTCOMES,
  type StateOutcome,
  TRANSPORTS,
  type Transport,
} from './outcomes';

/** One route's counts, made once a route. Counters that rise with every frame are in `traffic`. */
export interface RouteMetrics {
  readonly traffic: Traffic;
  opened(tenant: string, transport: Transport): void;
  /** A connection ended, with the code that it was closed with (RFC 6455 §7.1.5). */
  closed(tenant: string, code: number, transport: Transport): void;
  /** The bridge answered a client's message with an error frame. */
  messageRefused(code: BridgeErrorCode): void;
  /** A message of so many bytes was refused. */
  bytesRefused(reason: RefusedBytes, bytes: number): void;
  /** A client did not take its frames in time: what the bridge did then, and by which bound too much waited. */
  slowConsumer(action: SlowConsumerAction, bound: UnsentBound): void;
  /** A client asked to resume: `resumed`, or the reason of the gap that it got. */
  resume(outcome: 'resumed' | GapReason): void;
  /** A user may come back without a charge to the gatekeeper's limits. */
  returnGranted(): void;
  /** A `bridge.gap` was sent. */
  gap(reason: GapReason): void;
  /** The channel's history was read for a replay log. */
  history(outcome: HistoryOutcome): void;
  /** The channel's state was looked for, for a socket. */
  state(outcome: StateOutcome): void;
}

// Records, so that the compiler misses none.
const REASONS: Readonly<Record<GapReason, true>> = {
  unknown: true,
  expired: true,
  timeout: true,
  redis: true,
  slow: true,
  reserved: true,
};
/** Every reason of a gap. */
export const GAP_REASONS: readonly string[] = Object.keys(REASONS);

/** A client may send any code: those that say nothing of the bridge are one series. */
const OTHER_CODES = 'other';
/** RFC 6455 §7.4.1: an end in order, faults of frames, those that no close frame carries; and the bridge's own. */
const KNOWN_CODES = new Set([
  '1000',
  '1002',
  '1005',
  '1006',
  '1007',
  ...Object.values(CLOSE_CODES).map(({ code }) => `${code}`),
]);

/**
 * Makes each route's metrics.
 * @param routes their names: every series is there from the start, so that a first event is an increase
 */
export function createRouteMetrics(
  routes: readonly string[],
  maxTenants: number,
  registry: Registry,
): (route: string) => RouteMetrics {
  const trafficOf = createTraffic(routes, registry);
  const tenants = new TenantConnections(maxTenants, registry);
  const connections = createConnections(routes, registry);
  const counters = createCounters(routes, registry);
  const make = (route: string): RouteMetrics => ({
    traffic: trafficOf(route),
    opened: (tenant, transport) => {
      connections.inc({ route, transport });
      tenants.opened(tenant);
    },
    closed: (tenant, code, transport) => {
      connections.dec({ route, transport });
      tenants.closed(tenant);
      counters.closes.inc({ route, code: KNOWN_CODES.has(`${code}`) ? `${code}` : OTHER_CODES });
    },
    messageRefused: (code) => {
      counters.refusals.inc({ route, code });
    },
    bytesRefused: (reason, bytes) => {
      counters.refusedBytes.inc({ route, reason }, bytes);
    },
    slowConsumer: (action, bound) => {
      counters.slowConsumers.inc({ route, action, bound });
    },
    resume: (outcome) => {
      counters.resumes.inc({ route, outcome });
    },
    returnGranted: () => {
      counters.returns.inc({ route });
    },
    gap: (reason) => {
      counters.gaps.inc({ route, reason });
    },
    history: (outcome) => {
      counters.histories.inc({ route, outcome });
    },
    state: (outcome) => {
      counters.states.inc({ route, outcome });
    },
  });
  const made = new Map(routes.map((route) => [route, make(route)]));
  return (route) => {
    const metrics = made.get(route);
    if (metrics === undefined) throw new RangeError(`expected a route of the table, got "${route}"`);
    return metrics;
  };
}

function createConnections(routes: readonly string[], registry: Registry): Gauge<'route' | 'transport'> {
  const connections = new Gauge({
    name: 'ws_bridge_connections',
    help: 'Open connections, by how their clients are connected.',
    labelNames: ['route', 'transport'],
    registers: [registry],
  });
  for (const route of routes) for (const transport of TRANSPORTS) connections.inc({ route, transport }, 0);
  return connections;
}

type Counters = Readonly<
  Record<
    | 'closes'
    | 'refusals'
    | 'refusedBytes'
    | 'slowConsumers'
    | 'resumes'
    | 'returns'
    | 'gaps'
    | 'histories'
    | 'states',
    Counter
  >
>;

function createCounters(routes: readonly string[], registry: Registry): Counters {
  const counter = (name: string, help: string, labels: LabelledCounter<string>['labels']): Counter =>
    labelledCounter({ name, help, labels: { route: routes, ...labels } }, registry);
  return {
    closes: counter('ws_bridge_closes_total', 'Closed connections by close code.', {
      code: [...KNOWN_CODES, OTHER_CODES],
    }),
    refusals: counter(
      'ws_bridge_messages_refused_total',
      'Messages from clients that were answered with an error frame, by its code.',
      { code: Object.keys(BRIDGE_ERRORS) },
    ),
    refusedBytes: counter(
      'ws_bridge_refused_bytes_total',
      'Bytes of messages from clients that were refused by a rate, a share or their route, by why.',
      { reason: REFUSED_BYTES },
    ),
    slowConsumers: counter(
      'ws_bridge_slow_consumer_actions_total',
      'Closes and dropped frames because a client did not take its frames in time, by the bound over which too much waited.',
      { action: SLOW_CONSUMER_ACTIONS, bound: UNSENT_BOUNDS },
    ),
    resumes: counter(
      'ws_bridge_resumes_total',
      'Resume points that clients came back with, by what came of them: resumed, or the reason of the gap.',
      { outcome: ['resumed', ...GAP_REASONS] },
    ),
    returns: counter(
      'ws_bridge_returns_granted_total',
      'Sockets whose users may come back without a charge to the limits of upgrades.',
      {},
    ),
    gaps: counter('ws_bridge_gaps_total', 'Gaps that clients were told of, by reason.', {
      reason: GAP_REASONS,
    }),
    histories: counter(
      'ws_bridge_histories_total',
      "Readings of channels' histories for replay logs, by what came of them.",
      { outcome: HISTORY_OUTCOMES },
    ),
    states: counter(
      'ws_bridge_states_total',
      "Looks for a channel's state, one for each socket that is to get it, by what came of them.",
      { outcome: STATE_OUTCOMES },
    ),
  };
}
