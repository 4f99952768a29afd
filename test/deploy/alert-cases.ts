/** Series by name and labels, each with its values as promtool expands them, one in 15 seconds. */
export type Series = Readonly<Record<string, string>>;

/** Series with which an alert has to fire, and similar ones with which it must not. */
export interface AlertCase {
  readonly broken: Series;
  readonly well: Series;
}

/** 1 a second. */
const RISING = '0+15x240';
/** 0.02 a second. */
const HARDLY = '0+0.3x240';
/** One, three minutes before the end. */
const ONCE = '0x167 1x72';
/** One, eight minutes before the end. */
const ONCE_BEFORE = '0x147 1x92';

const steady = (value: number): string => `${value}x240`;

/** A histogram whose observations are all at most `worst`, of which no one is at most `best`. */
function observed(name: string, best: number, worst: number): Series {
  return {
    [`${name}_bucket{instance="i",le="${best}"}`]: steady(0),
    [`${name}_bucket{instance="i",le="${worst}"}`]: RISING,
    [`${name}_bucket{instance="i",le="+Inf"}`]: RISING,
  };
}

/** A process that is scraped, and ends after five minutes. */
function dies(own: string): Series {
  return { 'up{job="j",instance="i"}': '1x20 0x220', [`${own}{job="j",instance="i"}`]: '2x20 _x220' };
}

function lives(own: string): Series {
  return { 'up{job="j",instance="i"}': steady(1), [`${own}{job="j",instance="i"}`]: steady(2) };
}

const upgrades = (outcome: string, values = RISING): Series => ({
  [`ws_bridge_upgrades_total{instance="i",route="notifications",outcome="${outcome}"}`]: values,
});
export const decisions = (outcome: string, values = RISING): Series => ({
  [`ws_gatekeeper_decisions_total{instance="i",outcome="${outcome}"}`]: values,
});
const redis = (up: number): Series => ({
  'ws_bridge_redis_up{instance="i",connection="commands"}': steady(up),
  'ws_bridge_redis_up{instance="i",connection="subscriber"}': steady(1),
});
const gaps = (reason: string): Series => ({
  [`ws_bridge_gaps_total{instance="i",route="r",reason="${reason}"}`]: RISING,
});
const slowConsumers = (action: string): Series => ({
  [`ws_bridge_slow_consumer_actions_total{instance="i",route="r",action="${action}"}`]: RISING,
});
const commands = (outcome: string): Series => ({
  [`ws_bridge_commands_total{instance="i",outcome="${outcome}"}`]: RISING,
});
/** A lock that moves to the next socket of its holder is lost and resumed. */
const lostLocks = (resumed: string): Series => ({
  'ws_bridge_lock_changes_total{instance="i",outcome="lost"}': RISING,
  'ws_bridge_lock_changes_total{instance="i",outcome="resumed"}': resumed,
});
const refusedBytes = (values: string): Series => ({
  'ws_bridge_refused_bytes_total{instance="i",route="r",reason="user_bytes"}': values,
  'ws_bridge_refused_bytes_total{instance="i",route="r",reason="socket_bytes"}': values,
});
const connections = (open: number): Series => ({
  'ws_bridge_connections{instance="i",route="a"}': steady(open / 2),
  'ws_bridge_connections{instance="i",route="b"}': steady(open / 2),
  'ws_bridge_max_connections{instance="i"}': steady(50_000),
});
const subscriptions = (held: number): Series => ({
  'ws_bridge_subscriptions{instance="i"}': steady(held),
  'ws_bridge_max_subscriptions{instance="i"}': steady(1000),
});
const rings = (bytes: number): Series => ({
  'ws_bridge_ring_bytes{instance="i"}': steady(bytes),
  'ws_bridge_max_ring_bytes{instance="i"}': steady(1000),
});
const delivery = (up: number, redisUp: number): Series => ({
  'ws_bridge_delivery_up{instance="i",connection="subscriber"}': steady(1),
  'ws_bridge_delivery_up{instance="i",connection="relays"}': steady(up),
  ...redis(redisUp),
});
const busy = (secondsInFifteen: number, workers = 1): Series => ({
  'ws_bridge_event_loop_active_seconds_total{instance="i"}': `0+${secondsInFifteen}x240`,
  'ws_bridge_workers{instance="i"}': steady(workers),
});
const fallback = (values: string): Series => ({
  'ws_gatekeeper_fallback_decisions_total{instance="i"}': values,
  'ws_gatekeeper_redis_breakers_open{instance="i"}': steady(0),
});
const staleKeys = (failed: string): Series => ({
  'ws_gatekeeper_jwks_stale_uses_total{instance="i"}': RISING,
  'ws_gatekeeper_jwks_fetches_total{instance="i",outcome="failed"}': failed,
});
const limited = (values: string): Series => ({
  'ws_gatekeeper_limited_total{instance="i",tenant="acme"}': values,
  'ws_gatekeeper_limited_total{instance="i",tenant="other"}': steady(0),
});

/** A death in five minutes, or one alone. */
const deaths = (server: string, isAlone: boolean): Series => ({
  [`ws_${server}_worker_deaths_total{instance="i"}`]: isAlone ? '0x160 1x80' : '0+0.05x240',
});

/** By the name of each alert. */
export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  BridgeDown: { broken: dies('ws_bridge_max_connections'), well: lives('ws_bridge_max_connections') },
  BridgeAbsent: { broken: {}, well: lives('ws_bridge_max_connections') },
  BridgeRedisUnreachable: { broken: redis(0), well: redis(1) },
  BridgeDeliveryFailing: { broken: delivery(0, 1), well: { ...delivery(0, 0) } },
  BridgeProbesSlow: {
    broken: observed('ws_bridge_delivery_probe_seconds', 0.5, 1),
    well: observed('ws_bridge_delivery_probe_seconds', 0.001, 0.0025),
  },
  BridgeWriteLagHigh: {
    broken: observed('ws_bridge_write_lag_seconds', 0.25, 0.5),
    well: observed('ws_bridge_write_lag_seconds', 0.001, 0.0025),
  },
  BridgeEventLoopBusy: { broken: busy(14.9), well: busy(14.9, 2) },
  BridgeWorkersDie: { broken: deaths('bridge', false), well: deaths('bridge', true) },
  BridgeGaps: { broken: gaps('timeout'), well: gaps('slow') },
  BridgeSlowConsumersClosed: { broken: slowConsumers('closed'), well: slowConsumers('replaced') },
  // 4 KiB a second for an hour, and one message of 1 MiB in it.
  BridgeRefusesBytes: { broken: refusedBytes('0+61440x240'), well: refusedBytes('0x20 1048576x220') },
  BridgeNearConnectionCap: { broken: connections(45_000), well: connections(30_000) },
  BridgeNearSubscriptionCap: { broken: subscriptions(900), well: subscriptions(700) },
  BridgeNearRingBudget: { broken: rings(950), well: rings(800) },
  BridgeUpgradesUnavailable: { broken: upgrades('unavailable'), well: upgrades('admitted') },
  BridgeUnreadableRequests: {
    broken: upgrades('headers_too_large'),
    well: { ...upgrades('headers_too_large', HARDLY), ...upgrades('unauthorized') },
  },
  BridgeRejectsAssertions: { broken: upgrades('unauthorized'), well: upgrades('unauthorized', HARDLY) },
  BridgeCommandsUnconfirmed: { broken: commands('unconfirmed'), well: commands('added') },
  BridgeLocksLost: { broken: lostLocks(HARDLY), well: lostLocks(RISING) },
  GatekeeperDown: { broken: dies('ws_gatekeeper_instances'), well: lives('ws_gatekeeper_instances') },
  GatekeeperAbsent: { broken: {}, well: lives('ws_gatekeeper_instances') },
  GatekeeperWorkersDie: { broken: deaths('gatekeeper', false), well: deaths('gatekeeper', true) },
  GatekeeperFailing: {
    broken: decisions('misconfigured', HARDLY),
    well: { ...decisions('expired'), ...decisions('timeout', ONCE), ...decisions('internal_error', ONCE) },
  },
  GatekeeperOnMemoryLimits: { broken: fallback(RISING), well: fallback(ONCE) },
  GatekeeperKeysStale: { broken: staleKeys(RISING), well: staleKeys(ONCE_BEFORE) },
  GatekeeperAuthorizationUnavailable: {
    broken: decisions('authorization_unavailable'),
    well: { ...decisions('authorization_unavailable', HARDLY), ...decisions('not_authorized') },
  },
  GatekeeperManyUnauthorized: {
    broken: { ...decisions('expired', '0+30x240'), ...decisions('admitted') },
    well: { ...decisions('expired'), ...decisions('admitted', '0+30x240') },
  },
  GatekeeperSlow: {
    broken: observed('ws_gatekeeper_decision_seconds', 0.3, 1),
    well: observed('ws_gatekeeper_decision_seconds', 0.001, 0.003),
  },
  GatekeeperManyLimited: {
    broken: { ...decisions('rate_limited'), ...decisions('admitted') },
    well: { ...decisions('rate_limited'), ...decisions('admitted', '0+150x240') },
  },
  GatekeeperTenantLimited: { broken: limited(RISING), well: limited(HARDLY) },
};
