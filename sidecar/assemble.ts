import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { packageVersion } from '../stdio/package-version';
import { Heartbeat } from './connection/heartbeat';
import { TokenEnds } from './connection/token-ends';
import { FlushDelay, loopUtilization } from './fanout/flush-delay';
import { FlushScheduler } from './fanout/flush-scheduler';
import { UnsentBudget } from './fanout/unsent-budget';
import type { AdmissionPolicy } from './handshake/admission';
import { PostedMessages } from './handshake/posted-messages';
import { ReplayGuard, type AssertionGuard } from './handshake/replay-guard';
import { UpgradeHandler } from './handshake/upgrade-handler';
import { CommandTurns } from './inbound/command-turns';
import { createInbound } from './inbound/inbound';
import { LastUp } from './lib/last-up';
import { LoopShares } from './lib/loop-shares';
import { TimerWheel } from './lib/timer-wheel';
import type { Held } from './metrics/gauges';
import { createMetrics, type Metrics } from './metrics/metrics';
import { redisLinks, type RedisLinks, type RedisLinksContext } from './pubsub/redis-links';
import { relayedChannels } from './pubsub/relayed-channels';
import { ConnectionQuota } from './quotas/connection-quota';
import { redisQuotaStore } from './quotas/redis-quota-store';
import { redisReturnStore } from './quotas/redis-return-store';
import { Returns } from './quotas/returns';
import { RedisNames } from './redis/names';
import type { Keeping } from './resume/replay-log';
import type { TakeTurn } from './resume/handover/context';
import { createResumption, keepingOf } from './resume/handover/resumption';
import { redisTarget } from './redis/settings';
import { servedRoutes } from './routes/file';
import { refuseHistoriesFor } from './routes/histories';
import type { Route } from './routes/route';
import { redisSessionStore, type SessionTimes } from './sessions/session-store';
import { Sessions } from './sessions/sessions';
import { MAX_RING_FRAMES, type Settings } from './settings/settings';
import type { Parts, Served } from './parts';
import { channelStatesOf, locksOf, peersOf, presenceOf } from './route-parts';

/** How late a deadline may be noticed, in milliseconds. */
export const WHEEL_TICK_MS = 250;
/** Ticks in a turn of the wheel: 128 s. */
const WHEEL_SLOTS = 512;

/** A bridge whose relays are away this long is unready, in milliseconds; until then only what needs them is refused. */
export const RELAYS_AWAY_MS = 30_000;

/** A bridge takes these from outside. */
export interface BridgeDeps {
  readonly log: Logger;
  /** Milliseconds since the epoch; Date.now by default. */
  readonly now?: () => number;
  /** Milliseconds of a clock that nobody sets, for durations; performance.now by default. */
  readonly monotonicMs?: () => number;
  /** From 0 on and below 1; Math.random by default. */
  readonly random?: () => number;
  /** How the event loop's time is shared; in slices of 2 ms by default. */
  readonly shares?: LoopShares;
  /** Accepts each assertion once; by default the bridge does so by itself. */
  readonly replayGuard?: AssertionGuard;
  /** Log lines that nobody took, for the metrics; none by default. */
  readonly droppedLogLines?: () => number;
}

/**
 * Makes the parts of a bridge and ties them together. Nothing connects, listens or runs yet.
 * @throws RouteError when the routes file cannot be served
 */
export function assemble(
  settings: Settings,
  {
    log,
    now = Date.now,
    monotonicMs = () => performance.now(),
    random = Math.random,
    shares = new LoopShares(),
    replayGuard = new ReplayGuard(settings.maxSeenAssertions),
    droppedLogLines = () => 0,
  }: BridgeDeps,
): Parts {
  const routes = servedRoutes(settings.routesFile);
  const isCluster = redisTarget(settings).kind === 'cluster';
  refuseHistoriesFor(routes, { commandStream: settings.commandStream, isCluster });
  const names = new RedisNames(settings.channelPrefix);
  const bridgeId = randomBytes(8).toString('hex');
  const isRelayed = relayedChannels(routes, names);
  const links = redisLinks({
    settings,
    bridgeId,
    names,
    isRelayed,
    shares,
    ...listenersOf(() => parts),
    log,
  });
  const { commands, publishRelay } = links;
  const metrics = createMetrics({
    routes: routes.map((route) => route.name),
    held: heldOf(settings, links, () => parts, droppedLogLines),
    maxTenants: settings.metricsMaxTenants,
  });
  const clocks = { now, monotonicMs };
  const wheel = new TimerWheel(WHEEL_TICK_MS, WHEEL_SLOTS, monotonicMs(), shares);
  const resumption = createResumption({
    settings,
    bridgeId,
    links,
    names,
    wheel,
    shares,
    takeTurns: () => handoverTurns(settings, monotonicMs),
    monotonicMs,
    firstOffset: MAX_RING_FRAMES,
    metrics,
    log,
  });
  const served: Served = {
    routes,
    names,
    keys: [],
    links,
    wheel,
    tokenEnds: new TokenEnds(WHEEL_TICK_MS, WHEEL_SLOTS, clocks, shares),
    shares,
    unsentBudget: new UnsentBudget({
      totalBytes: settings.bufferTotalBytes,
      tenantBytes: settings.bufferTenantBytes,
    }),
    unfinishedBudget: new UnsentBudget({
      totalBytes: settings.unfinishedTotalBytes,
      tenantBytes: settings.unfinishedTenantBytes,
    }),
    resumption,
    channelStates: channelStatesOf(settings, routes, links, { shares, monotonicMs, log }),
    inbound: createInbound({
      settings,
      routes,
      commands,
      names,
      publishRelay,
      proveRelays: () => links.proveRelays(),
      metrics,
      monotonicMs,
    }),
    sessions: new Sessions(redisSessionStore(commands, bridgeId, sessionTimes(settings, routes)), names),
    quota: new ConnectionQuota(redisQuotaStore(commands, bridgeId, settings.connectionLeaseMs), names, {
      tenant: settings.maxConnectionsPerTenant,
      user: settings.maxConnectionsPerUser,
    }),
    returns: new Returns(redisReturnStore(commands), names, (error) => {
      log.warn({ err: error }, 'returns not granted');
    }),
    peers: peersOf(settings, routes, links, { wheel, monotonicMs }),
    locks: locksOf(settings, routes, { links, names, metrics, wheel, monotonicMs }),
    presence: presenceOf(settings, routes, { links, names, bridgeId, metrics, monotonicMs, log }),
    heartbeats: {
      websocket: new Heartbeat(settings.pingIntervalMs, shares),
      http: new Heartbeat(settings.commentIntervalMs, shares),
    },
    metrics,
    ...clocks,
    log,
  };
  const policy = policyOf(settings, served, replayGuard);
  const upgradeHandler = upgradeHandlerOf(settings, served, policy, random);
  const parts: Parts = {
    ...served,
    bridgeId,
    isRelayed,
    relaysUp: new LastUp(RELAYS_AWAY_MS, monotonicMs),
    upgradeHandler,
    postedMessages: postedMessagesOf(settings, served, policy, upgradeHandler),
  };
  return parts;
}

/** Who hears what the connections to Redis have to tell. */
function listenersOf(parts: () => Parts): Pick<RedisLinksContext, 'onProbe' | 'listener' | 'makeRoom'> {
  return {
    onProbe: (connection, outcome, seconds) => {
      parts().metrics.probe(connection, outcome, seconds);
    },
    listener: {
      lost: (channels) => {
        const { resumption, channelStates } = parts();
        const steps = [resumption.replayLogs.interrupt(channels)];
        if (channelStates !== undefined) steps.push(channelStates.lost(channels));
        return steps;
      },
      restored: () => {
        parts().resumption.replayLogs.restore();
        parts().channelStates?.restored();
      },
    },
    makeRoom: () => parts().resumption.replayLogs.makeRoom(),
  };
}

/** So many handovers of a tenant as it may have commands on their way. */
function handoverTurns({ handoverTimeoutMs }: Settings, monotonicMs: () => number): TakeTurn {
  const turns = new CommandTurns(handoverTimeoutMs, monotonicMs);
  return (tenant, act) => turns.take(tenant, 0, act);
}

function policyOf(
  settings: Settings,
  { routes, names, keys, now, monotonicMs }: Served,
  replayGuard: AssertionGuard,
): AdmissionPolicy {
  return {
    routes,
    names,
    headers: settings.headers,
    keys,
    assertionPath: settings.assertionPath,
    assertionAccess: settings.assertionAccess,
    replayGuard,
    now,
    monotonicMs,
    newSession: randomUUID,
  };
}

function postedMessagesOf(
  settings: Settings,
  { sessions, inbound, metrics, now, monotonicMs, log }: Served,
  policy: AdmissionPolicy,
  upgradeHandler: UpgradeHandler,
): PostedMessages {
  const { sink, byteOwners, messageSizes } = inbound;
  return new PostedMessages({
    policy,
    sessions,
    messages: { sink, byteOwners, now, monotonicMs },
    messageSizes,
    maxCommandValues: settings.maxCommandValues,
    maxPendingPosts: settings.maxPendingPosts,
    timeoutMs: settings.handshakeTimeoutMs,
    refusalOf: (caller, path) => upgradeHandler.refusalOf(caller, path),
    metrics,
    log,
  });
}

function upgradeHandlerOf(
  settings: Settings,
  parts: Served,
  policy: AdmissionPolicy,
  random: () => number,
): UpgradeHandler {
  const { routes, links, resumption, inbound, metrics, now, monotonicMs, log } = parts;
  return new UpgradeHandler({
    policy,
    context: {
      subscriptions: links.subscribers.subscriptions,
      replayLogs: resumption.replayLogs,
      keepingOf: keepingsOf(settings, routes),
      handover: resumption.handover,
      channelStates: parts.channelStates,
      sessions: parts.sessions,
      quota: parts.quota,
      returns: parts.returns,
      peers: parts.peers,
      locks: parts.locks,
      presence: parts.presence,
      returnAfterMs: settings.returnAfterMs,
      heartbeats: parts.heartbeats,
      wheel: parts.wheel,
      tokenEnds: parts.tokenEnds,
      shares: parts.shares,
      scheduler: schedulerOf(settings, metrics, parts.shares),
      sink: inbound.sink,
      messageRate: { perSecond: settings.maxMessagesPerSecond, burst: settings.messageBurst },
      byteOwners: inbound.byteOwners,
      maxCommandValues: settings.maxCommandValues,
      maxLockNameBytes: settings.maxLockNameBytes,
      messageTimeoutMs: settings.messageTimeoutMs,
      maxPendingMessages: settings.maxPendingMessages,
      maxBufferBytes: settings.maxBufferBytes,
      unsentBudget: parts.unsentBudget,
      unfinishedBudget: parts.unfinishedBudget,
      now,
      monotonicMs,
      log,
    },
    metrics,
    log,
    maxConnections: settings.maxConnections,
    messageSizes: inbound.messageSizes,
    maxFragments: settings.maxFragments,
    subprotocols: settings.subprotocols,
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
    random,
  });
}

/** How much is kept of each route's frames, where it does not say itself by the settings. */
function keepingsOf(settings: Settings, routes: readonly Route[]): (route: Route) => Keeping {
  const common = keepingOf(settings);
  const keepings = new Map(routes.map((route) => [route, withHistory({ ...common, ...route.ring }, route)]));
  return (route) => keepings.get(route) ?? common;
}

/** A replay log has room for all that is read of its channel's history. */
function withHistory({ maxItems, maxBytes, lingerMs }: Keeping, { history }: Route): Keeping {
  return {
    maxItems: Math.max(maxItems, history?.frames ?? 0),
    maxBytes: Math.max(maxBytes, history?.bytes ?? 0),
    lingerMs,
  };
}

/** So much longer than frames are kept their bridge is remembered, in milliseconds: it says where they are each 10 seconds. */
const NOTED_LONGER_MS = 60_000;

function sessionTimes(settings: Settings, routes: readonly Route[]): SessionTimes {
  const lingersMs = routes.map(({ ring }) => ring.lingerMs ?? settings.lingerMs);
  return { ttlMs: settings.sessionTtlMs, bridgesTtlMs: Math.max(...lingersMs) + NOTED_LONGER_MS };
}

function schedulerOf({ maxCoalesceMs }: Settings, { writeLag }: Metrics, shares: LoopShares): FlushScheduler {
  return new FlushScheduler(
    new FlushDelay(maxCoalesceMs, loopUtilization()),
    (lagMs) => {
      writeLag.observe(lagMs / 1000);
    },
    shares,
  );
}

/** The values that the metrics read on each scrape. */
function heldOf(
  settings: Settings,
  links: RedisLinks,
  parts: () => Parts,
  droppedLogLines: () => number,
): Held {
  return {
    version: packageVersion(),
    subscriptions: () => links.subscribers.subscriptions.size,
    streams: () => parts().resumption.replayLogs.size,
    ringBytes: () => parts().resumption.ringBudget.bytes,
    unsentBytes: () => parts().unsentBudget.bytes,
    unfinishedBytes: () => parts().unfinishedBudget.bytes,
    lingeringStreams: () => parts().resumption.ringBudget.lingering,
    sessions: () => parts().sessions.size,
    locks: () => parts().locks?.size ?? 0,
    droppedLogLines,
    undecidedUpgrades: () => parts().upgradeHandler.undecided,
    relayBacklogBytes: () => parts().inbound.relayLag.bytes,
    redis: () => links.health,
    delivers: () => links.delivers,
    accepting: () => parts().upgradeHandler.isAccepting,
    caps: {
      connections: settings.maxConnections,
      subscriptions: settings.maxSubscriptions,
      ringBytes: settings.ringTotalBytes,
      unsentBytes: settings.bufferTotalBytes,
      unfinishedBytes: settings.unfinishedTotalBytes,
    },
  };
}
