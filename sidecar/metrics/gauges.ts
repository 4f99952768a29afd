import { performance } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';
import type { ConnectionName, SubscriberName } from '../redis/connection-names';
import { registerDroppedLines } from './dropped-lines';
import { counter, gauge, gaugeByConnection } from './read-on-scrape';

/** The values that the bridge holds: read on each scrape. */
export interface Held {
  /** This package's. */
  readonly version: string;
  readonly subscriptions: () => number;
  readonly streams: () => number;
  /** The bytes that the rings of all replay logs hold. */
  readonly ringBytes: () => number;
  /** The bytes that wait for clients that take no more. */
  readonly unsentBytes: () => number;
  /** The bytes of messages that clients have begun and not finished. */
  readonly unfinishedBytes: () => number;
  /** Streams that linger and still have their frames. */
  readonly lingeringStreams: () => number;
  readonly sessions: () => number;
  /** Names of documents that sockets here have locked. */
  readonly locks: () => number;
  /** Upgrades that are not decided yet. */
  readonly undecidedUpgrades: () => number;
  /** The bytes that clients sent to their peers and that are not known to have come back from Redis. */
  readonly relayBacklogBytes: () => number;
  /** By connection to Redis, whether it is up. */
  readonly redis: () => Readonly<Partial<Record<ConnectionName, boolean>>>;
  /** By connection that messages come over, whether the latest probe of delivery was heard. */
  readonly delivers: () => Readonly<Partial<Record<SubscriberName, boolean>>>;
  readonly accepting: () => boolean;
  /** Log lines that nobody took. */
  readonly droppedLogLines: () => number;
  /** Connections and channels that this bridge takes, at most, 0 for any number; what its rings may hold, and what may wait. */
  readonly caps: Readonly<
    Record<'connections' | 'subscriptions' | 'ringBytes' | 'unsentBytes' | 'unfinishedBytes', number>
  >;
}

/** Registers what is read when Prometheus asks. */
export function registerHeld(held: Held, registry: Registry): void {
  registerProcess(held, registry);
  registerState(held, registry);
  registerRedis(held, registry);
  registerLimits(held, registry);
}

function registerProcess(held: Held, registry: Registry): void {
  new Gauge({
    name: 'ws_bridge_build_info',
    help: '1, with the versions of ws-bridge and of Node as labels.',
    labelNames: ['version', 'node'],
    // The same of every worker.
    aggregator: 'first',
    registers: [registry],
  }).set({ version: held.version, node: process.version }, 1);
  gauge(registry, 'ws_bridge_workers', 'Processes that serve: 1, or as many as BRIDGE_WORKERS.', () => 1);
  registerDroppedLines(registry, held.droppedLogLines);
  counter(
    registry,
    'ws_bridge_event_loop_active_seconds_total',
    'Time that the event loop worked, in seconds: its rate is the loop’s utilisation.',
    () => performance.eventLoopUtilization().active / 1000,
  );
}

/** Registers how much of each thing there is. */
function registerState(held: Held, registry: Registry): void {
  const state = (name: string, help: string, read: () => number): void => {
    gauge(registry, name, help, read);
  };
  state('ws_bridge_subscriptions', 'Redis channels with at least one socket.', held.subscriptions);
  state(
    'ws_bridge_streams',
    'Replay logs: their recent frames are kept for clients that come back.',
    held.streams,
  );
  state(
    'ws_bridge_ring_bytes',
    'Bytes of the recent frames of all replay logs. A frame that several of them keep counts once.',
    held.ringBytes,
  );
  state('ws_bridge_unsent_bytes', 'Bytes that wait for clients that take no more.', held.unsentBytes);
  state(
    'ws_bridge_unfinished_bytes',
    'Bytes of messages that clients have begun and not finished.',
    held.unfinishedBytes,
  );
  state(
    'ws_bridge_lingering_streams',
    'Replay logs without a socket that still have their frames.',
    held.lingeringStreams,
  );
  state('ws_bridge_sessions', 'AI chat sessions that are in use here.', held.sessions);
  state('ws_bridge_locks', 'Names of documents that sockets here have locked.', held.locks);
  state('ws_bridge_undecided_upgrades', 'Upgrades that are being decided.', held.undecidedUpgrades);
  gauge(
    registry,
    'ws_bridge_draining',
    '1 once the traffic port is closed because the bridge is about to end.',
    () => Number(!held.accepting()),
    'max',
  );
}

function registerRedis(held: Held, registry: Registry): void {
  gauge(
    registry,
    'ws_bridge_relay_backlog_bytes',
    'Bytes that clients sent to their peers and that may still wait in Redis for this bridge. Up to a quarter of BRIDGE_MAX_RELAY_BACKLOG_BYTES is not looked for.',
    held.relayBacklogBytes,
  );
  gaugeByConnection(
    registry,
    'ws_bridge_delivery_up',
    '1 when the latest probe that was published was heard.',
    held.delivers,
  );
  gaugeByConnection(registry, 'ws_bridge_redis_up', '1 when the connection to Redis is up.', held.redis);
}

/** Registers the limits that what there is stays below. */
function registerLimits({ caps }: Held, registry: Registry): void {
  const limit = (name: string, help: string, max: number): void => {
    gauge(registry, name, help, () => max);
  };
  limit('ws_bridge_max_connections', 'BRIDGE_MAX_CONNECTIONS, 0 for any number.', caps.connections);
  limit('ws_bridge_max_subscriptions', 'BRIDGE_MAX_SUBSCRIPTIONS, 0 for any number.', caps.subscriptions);
  limit('ws_bridge_max_ring_bytes', 'BRIDGE_RING_TOTAL_BYTES.', caps.ringBytes);
  limit('ws_bridge_max_unsent_bytes', 'BRIDGE_BUFFER_TOTAL_BYTES.', caps.unsentBytes);
  limit('ws_bridge_max_unfinished_bytes', 'BRIDGE_UNFINISHED_TOTAL_BYTES.', caps.unfinishedBytes);
}
