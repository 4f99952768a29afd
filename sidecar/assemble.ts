import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { FittedKey } from '../protocol/keys';
import { packageVersion } from '../stdio/package-version';
import { Heartbeat } from './connection/heartbeat';
import { TokenEnds } from './connection/token-ends';
import { FlushDelay, loopUtilization } from './fanout/flush-delay';
import { FlushScheduler } from './fanout/flush-scheduler';
import { SENDER_ID_BYTES } from './fanout/peer-envelope';
import { UnsentBudget } from './fanout/unsent-budget';
import type { AdmissionPolicy } from './handshake/admission';
import { PostedMessages } from './handshake/posted-messages';
import { ReplayGuard, type AssertionGuard } from './handshake/replay-guard';
import { UpgradeHandler } from './handshake/upgrade-handler';
import { CommandTurns } from './inbound/command-turns';
import { createInbound, type Inbound } from './inbound/inbound';
import { LastUp } from './lib/last-up';
import { LoopShares } from './lib/loop-shares';
import { TimerWheel } from './lib/timer-wheel';
import { Locks } from './locks/locks';
import { redisLockStore } from './locks/redis-lock-store';
import type { Held } from './metrics/gauges';
import { createMetrics, type Metrics } from './metrics/metrics';
import type { Transport } from './metrics/outcomes';
import { redisLinks, type RedisLinks, type RedisLinksContext } from './pubsub/redis-links';
import { Peers } from './peers/peers';
import { Presence } from './presence/presence';
import { redisPresenceStore } from './presence/redis-presence-store';
import { relayedChannels, type IsRelayed } from './pubsub/relayed-channels';
import { announceIntervalMs, ConnectionQuota } from './quotas/connection-quota';
import { redisQuotaStore } from './quotas/redis-quota-store';
import { redisReturnStore } from './quotas/redis-return-store';
import { Returns } from './quotas/returns';
import { RedisNames } from './redis/names';
import type { Keeping } from './resume/replay-log';
import type { TakeTurn } from './resume/handover/context';
import { createResumption, keepingOf, type Resumption } from './resume/handover/resumption';
import { redisTarget } from './redis/settings';
import { servedRoutes } from './routes/file';
import { refuseHistoriesFor } from './routes/histories';
import type { Route } from './routes/route';
import { ChannelStates, type ChannelStatesContext } from './states/channel-states';
import { redisSessionStore, type SessionTimes } from './sessions/session-store';
import { Sessions } from './sessions/sessions';
import { MAX_RING_FRAMES, type Settings } from './settings/settings';

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

/** The parts of a bridge. */
export interface Parts {
  readonly routes: readonly Route[];
  readonly names: RedisNames;
  readonly bridgeId: string;
  /** That assertions are verified with: filled when the bridge starts. */
  readonly keys: FittedKey[];
  /** Undefined when no route relays. */
  readonly isRelayed: IsRelayed | undefined;
  readonly links: RedisLinks;
  readonly relaysUp: LastUp;
  readonly wheel: TimerWheel;
  readonly tokenEnds: TokenEnds;
  readonly shares: LoopShares;
  readonly unsentBudget: UnsentBudget;
  readonly resumption: Resumption;
  /** Undefined when no route has states. */
  readonly channelStates: ChannelStates | undefined;
  readonly inbound: Inbound;
  readonly sessions: Sessions;
  readonly quota: ConnectionQuota;
  readonly returns: Returns;
  /** Undefined when no route tells who else is there. */
  readonly peers: Peers | undefined;
  /** Undefined when no route has locks. */
  readonly locks: Locks | undefined;
  /** Undefined when no route tells of its listeners. */
  readonly presence: Presence | undefined;
  readonly heartbeats: Readonly<Record<Transport, Heartbeat>>;
  readonly metrics: Metrics;
  readonly upgradeHandler: UpgradeHandler;
  readonly postedMessages: PostedMessages;
  readonly now: () => number;
  readonly monotonicMs: () => number;
  readonly log: Logger;
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

/** The parts that serve a connection. */
type Served = Omit<Parts, 'bridgeId' | 'isRelayed' | 'relaysUp' | 'upgradeHandler' | 'postedMessages'>;

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

function channelStatesOf(
  { maxStateBytes }: Settings,
  routes: readonly Route[],
  { commands, subscribers }: RedisLinks,
  surroundings: Pick<ChannelStatesContext, 'shares' | 'monotonicMs' | 'log'>,
): ChannelStates | undefined {
  if (routes.every(({ initial }) => initial === undefined)) return undefined;
  return new ChannelStates({
    registry: subscribers.subscriptions,
    // Not GET: whatever is there, no more than one byte too much is read.
    read: (key) => commands.getrangeBuffer(key, 0, maxStateBytes),
    maxStateBytes,
    ...surroundings,
  });
}

function peersOf(
  { connectionLeaseMs: leaseMs }: Settings,
  routes: readonly Route[],
  { subscribers, publishRelay: publish }: RedisLinks,
  clock: Pick<Parts, 'wheel' | 'monotonicMs'>,
): Peers | undefined {
  if (!routes.some(({ peers }) => peers)) return undefined;
  const { subscriptions } = subscribers;
  return new Peers({ subscriptions, publish, leaseMs, bridge: randomBytes(SENDER_ID_BYTES), ...clock });
}

function locksOf(
  settings: Settings,
  routes: readonly Route[],
  { links, names, metrics, ...clock }: Pick<Parts, 'links' | 'names' | 'metrics' | 'wheel' | 'monotonicMs'>,
): Locks | undefined {
  if (!routes.some(({ locks }) => locks)) return undefined;
  const { lockLeaseMs: leaseMs, lockLingerMs: lingerMs } = settings;
  const { maxLocksPerDocument: maxPerDocument, maxLocksPerTenant: maxPerTenant } = settings;
  const turns = new CommandTurns(settings.redisTimeoutMs, clock.monotonicMs);
  const limits = { leaseMs, lingerMs, maxPerDocument, maxPerTenant };
  return new Locks({
    store: redisLockStore(links.commands, names, limits, turns.take.bind(turns)),
    subscriptions: links.subscribers.subscriptions,
    publish: links.publishRelay,
    bridge: randomBytes(SENDER_ID_BYTES),
    ...{ leaseMs, lingerMs, maxPerSocket: settings.maxLocksPerSocket },
    onOutcome: (outcome) => {
      metrics.lock(outcome);
    },
    ...clock,
  });
}

function presenceOf(
  settings: Settings,
  routes: readonly Route[],
  { links, names, bridgeId, metrics, monotonicMs, log }: PresenceParts,
): Presence | undefined {
  if (!routes.some(({ presence }) => presence)) return undefined;
  const { connectionLeaseMs: leaseMs } = settings;
  let count = 0;
  return new Presence({
    store: redisPresenceStore(links.commands, names, {
      leaseMs,
      lingerMs: settings.presenceLingerMs,
      maxEntries: settings.presenceStreamMaxLength,
      tenantJoins: settings.presenceTenantJoins,
    }),
    newName: () => `${bridgeId}.${(count += 1)}`,
    intervalMs: announceIntervalMs(leaseMs),
    monotonicMs,
    onOutcome: (outcome, topics) => {
      metrics.presence(outcome, topics);
    },
    onFailure: (error) => {
      log.warn({ err: error }, 'presence not told');
    },
  });
}

type PresenceParts = Pick<Parts, 'links' | 'names' | 'bridgeId' | 'metrics' | 'monotonicMs' | 'log'>;

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
    },
  };
}
