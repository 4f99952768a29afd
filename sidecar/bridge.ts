import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Logger } from 'pino';
import { CLOSE_CODES } from '../protocol/close-codes';
import type { FittedKey } from '../protocol/keys';
import { UNSCOPED_DATABASE, unscopedDatabase } from '../redis/name-prefix';
import { tellOfMemory } from '../redis/memory-check';
import { packageVersion } from '../stdio/package-version';
import { createAdminServer } from './http/admin-server';
import { judgePlainRequest } from './handshake/admission';
import { assertionKeys } from './settings/assertion-keys';
import { ByteOwners, withRoomFor } from './quotas/byte-owners';
import { CommandStream } from './inbound/command-stream';
import { announceIntervalMs, ConnectionQuota } from './quotas/connection-quota';
import { redisQuotaStore } from './quotas/redis-quota-store';
import { withDeadline } from './lib/promises';
import { Handover } from './resume/handover/handover';
import { answerHealthCheck, isHealthCheck } from './http/health-check';
import type { Revocation } from './connection/caller-index';
import { Heartbeat } from './connection/heartbeat';
import { closeServer, httpOptions, listen } from './http/server';
import { LoopShares } from './lib/loop-shares';
import { Markers } from './resume/handover/markers';
import { countedSink } from './inbound/sink';
import { largestMessage, type MessageSizes } from './inbound/message-size';
import { createMetrics } from './metrics/metrics';
import { LastUp } from './lib/last-up';
import { loopUtilization, FlushDelay } from './fanout/flush-delay';
import { redisLinks } from './pubsub/redis-links';
import { RedisNames } from './redis/names';
import { RingBudget } from './resume/ring-budget';
import { RelayLag } from './inbound/relay-lag';
import { relayedChannels } from './pubsub/relayed-channels';
import { EXPECTATION_FAILED, NO_PROXY, respond } from './http/refusal';
import { ReplayGuard } from './handshake/replay-guard';
import { DEFAULT_ROUTES } from './routes/route';
import { readRoutesFile } from './routes/file';
import { redisSessionStore } from './sessions/session-store';
import { renewIntervalMs, Sessions } from './sessions/sessions';
import { MAX_RING_FRAMES, type Settings } from './settings/settings';
import { ReplayLogs } from './resume/replay-logs';
import { TimerWheel } from './lib/timer-wheel';
import { TokenEnds } from './connection/token-ends';
import { FlushScheduler } from './fanout/flush-scheduler';
import { UnsentBudget } from './fanout/unsent-budget';
import { UpgradeHandler } from './handshake/upgrade-handler';
import { controlReceiver } from './handshake/revocations';
import { redisHandoverStore } from './resume/handover/context';
import { compileRoutes } from './routes/compile';
import { redisTarget } from './redis/settings';

/** How many of each thing a bridge holds: all 0 when no client is there. */
export interface OpenState {
  readonly connections: number;
  readonly undecidedUpgrades: number;
  readonly channels: number;
  /** Held by bridge.v1 clients, or lingering for them. */
  readonly streams: number;
  /** What their rings hold, and of how many tenants. */
  readonly ringBytes: number;
  readonly ringTenants: number;
  /** What waits for clients that take no more. */
  readonly unsentBytes: number;
  /** What is due later: ends of tokens and of lingering streams. */
  readonly deadlines: number;
  readonly sessions: number;
  /** Tokens and tenants by which open sockets are found when they are revoked. */
  readonly revocable: number;
  /** Users and tenants whose connections are counted. */
  readonly cappedCallers: number;
  /** Users and tenants with sockets that sent something. */
  readonly meteredCallers: number;
  /** Asked of other bridges, and given to them. */
  readonly handovers: number;
  /** Markers that are waited for. */
  readonly marks: number;
  readonly heartbeats: number;
  /** Listeners on the Redis connections beyond the bridge's own. */
  readonly redisListeners: number;
}

/** How long clients have for the closing handshake when the bridge closes, in milliseconds. */
export const CLOSE_GRACE_MS = 1000;

/**
 * A bridge whose relays are away this long is unready, in milliseconds. Until then only what needs them is refused: a flood of
 * relayed messages may cut them, and must not take the bridge from everybody else.
 */
export const RELAYS_AWAY_MS = 30_000;

/** How late a deadline may be noticed, in milliseconds. */
export const WHEEL_TICK_MS = 250;
/** Ticks in a turn of the wheel: 128 s. */
const WHEEL_SLOTS = 512;

/** What a bridge takes from outside. */
export interface BridgeDeps {
  readonly log: Logger;
  /** Milliseconds since the epoch; Date.now by default. */
  readonly now?: () => number;
  /** Milliseconds of a clock that nobody sets, for durations; performance.now by default. */
  readonly monotonicMs?: () => number;
  /** How the event loop's time is shared; in slices of 5 ms by default. */
  readonly shares?: LoopShares;
  /** Log lines that nobody took, for the metrics; none by default. */
  readonly droppedLogLines?: () => number;
}

/** The ports that a bridge listens on. */
export interface BridgePorts {
  readonly port: number;
  readonly adminPort: number;
}

/** A bridge, from {@link createBridge}. */
export interface Bridge {
  /**
   * Listens. Redis need not be there: until it is, `/readyz` says 503 and so does every upgrade.
   * @throws KeyError for a key that cannot be used, and Node's error when a port is taken
   */
  start(): Promise<BridgePorts>;
  /**
   * Ends gently: unready and the traffic port closed at once, so that a balancer goes elsewhere; upgrades on TCP connections
   * taken before admitted; sockets closed with 1012 spread over `BRIDGE_DRAIN_MS`, what they sent finished; what their
   * clients missed is handed over for `BRIDGE_LINGER_MS`; then as {@link close}.
   */
  drain(): Promise<void>;
  /** Stops listening, closes every socket with 1012, lets go of Redis. */
  close(): Promise<void>;
  openState(): OpenState;
}

/**
 * Makes a bridge.
 * @throws RouteError when the routes file cannot be served
 */
export function createBridge(
  settings: Settings,
  {
    log,
    now = Date.now,
    monotonicMs = () => performance.now(),
    shares = new LoopShares(),
    droppedLogLines = () => 0,
  }: BridgeDeps,
): Bridge {
  const { routesFile } = settings;
  const routes = routesFile === undefined ? compileRoutes(DEFAULT_ROUTES) : readRoutesFile(routesFile);
  const names = new RedisNames(settings.channelPrefix);
  const keys: FittedKey[] = [];
  const bridgeId = randomBytes(8).toString('hex');
  const isRelayed = relayedChannels(routes, names);
  const links = redisLinks({
    settings,
    bridgeId,
    names,
    isRelayed,
    onProbe: (connection, outcome, seconds) => {
      metrics.probe(connection, outcome, seconds);
    },
    listener: {
      lost: (channels) => {
        replayLogs.interrupt(channels);
      },
      restored: () => {
        replayLogs.restore();
      },
    },
    log,
  });
  const { commands, subscribers, publish } = links;
  const commandStream = new CommandStream(commands, names, settings, monotonicMs);
  const { subscriptions } = subscribers;
  const wheel = new TimerWheel(WHEEL_TICK_MS, WHEEL_SLOTS, monotonicMs(), shares);
  const tokenEnds = new TokenEnds(WHEEL_TICK_MS, WHEEL_SLOTS, { now, monotonicMs }, shares);
  const ringBudget = new RingBudget(
    { totalBytes: settings.ringTotalBytes, tenantBytes: settings.ringTenantBytes },
    (bound, victim) => {
      metrics.ringGivenUp(bound, victim);
    },
  );
  const unsentBudget = new UnsentBudget({
    totalBytes: settings.bufferTotalBytes,
    tenantBytes: settings.bufferTenantBytes,
  });
  const replayLogs = new ReplayLogs({
    subscriptions,
    wheel,
    shares,
    monotonicMs,
    bridgeId,
    limits: { maxItems: settings.ringMaxFrames, maxBytes: settings.ringMaxBytes },
    budget: ringBudget,
    firstOffset: MAX_RING_FRAMES,
    lingerMs: settings.lingerMs,
  });
  const sessions = new Sessions(redisSessionStore(commands, settings.sessionTtlMs), names);
  const quota = new ConnectionQuota(redisQuotaStore(commands, bridgeId, settings.connectionLeaseMs), names, {
    tenant: settings.maxConnectionsPerTenant,
    user: settings.maxConnectionsPerUser,
  });
  const messageSizes: MessageSizes = {
    any: settings.maxFrameBytes,
    commands: settings.maxCommandBytes,
    relay: settings.maxRelayBytes,
    refuse: settings.maxOneWayFrameBytes,
  };
  const byteOwnersOf = (messages: 'commands' | 'relay'): ByteOwners => {
    const largest = routes
      .filter((route) => route.messages === messages)
      .map((route) => largestMessage(route, messageSizes));
    return new ByteOwners(withRoomFor(Math.max(0, ...largest), settings.byteRates[messages]));
  };
  const byteOwners = { commands: byteOwnersOf('commands'), relay: byteOwnersOf('relay') };
  const heartbeat = new Heartbeat(settings.pingIntervalMs, shares);
  const metrics = createMetrics({
    routes: routes.map((route) => route.name),
    held: {
      version: packageVersion(),
      subscriptions: () => subscriptions.size,
      streams: () => replayLogs.size,
      ringBytes: () => ringBudget.bytes,
      unsentBytes: () => unsentBudget.bytes,
      lingeringStreams: () => ringBudget.lingering,
      sessions: () => sessions.size,
      droppedLogLines,
      undecidedUpgrades: () => upgradeHandler.undecided,
      relayBacklogBytes: () => relayLag.bytes,
      redis: () => links.health,
      delivers: () => links.delivers,
      accepting: () => upgradeHandler.isAccepting,
      caps: {
        connections: settings.maxConnections,
        subscriptions: settings.maxSubscriptions,
        ringBytes: settings.ringTotalBytes,
        unsentBytes: settings.bufferTotalBytes,
      },
    },
    maxTenants: settings.metricsMaxTenants,
  });
  const relayLag = new RelayLag(settings.maxRelayBacklogBytes, () => links.proveRelays());
  const relaysUp = new LastUp(RELAYS_AWAY_MS, monotonicMs);
  const markers = new Markers((channel) => subscribers.registryOf(channel), names);
  const handover = new Handover({
    bridgeId,
    names,
    replayLogs,
    markers,
    store: redisHandoverStore(commands, publish, links.publishMark),
    inOneOrder: (channels) => subscribers.inOneOrder(channels),
    timeoutMs: settings.handoverTimeoutMs,
    onOutcome: (side, outcome) => {
      metrics.handover(side, outcome);
    },
    log,
  });
  const scheduler = new FlushScheduler(
    new FlushDelay(settings.maxCoalesceMs, loopUtilization()),
    (lagMs) => {
      metrics.writeLag.observe(lagMs / 1000);
    },
    shares,
  );
  const upgradeHandler = new UpgradeHandler({
    policy: {
      routes,
      names,
      headers: settings.headers,
      keys,
      assertionPath: settings.assertionPath,
      replayGuard: new ReplayGuard(settings.maxSeenAssertions),
      now,
      monotonicMs,
      newSession: randomUUID,
    },
    context: {
      subscriptions,
      replayLogs,
      handover,
      sessions,
      quota,
      heartbeat,
      wheel,
      tokenEnds,
      shares,
      scheduler,
      sink: countedSink(
        {
          addCommand: (command) => commandStream.add(command),
          holds: (tenantId) => relayLag.holds(tenantId),
          publish: async (channel, message, tenantId) => {
            relayLag.published(tenantId, message.length);
            await links.publishRelay(channel, message);
            await relayLag.released(tenantId);
          },
        },
        metrics,
      ),
      messageRate: { perSecond: settings.maxMessagesPerSecond, burst: settings.messageBurst },
      byteOwners,
      maxCommandValues: settings.maxCommandValues,
      messageTimeoutMs: settings.messageTimeoutMs,
      maxPendingMessages: settings.maxPendingMessages,
      maxBufferBytes: settings.maxBufferBytes,
      unsentBudget,
      now,
      monotonicMs,
      log,
    },
    metrics,
    log,
    maxConnections: settings.maxConnections,
    messageSizes,
    maxFragments: settings.maxFragments,
    subprotocols: settings.subprotocols,
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
  });

  const revoke = (revocation: Revocation): number => upgradeHandler.revoke(revocation);
  subscriptions.pin(names.control, controlReceiver(names.control, revoke, metrics, log));
  subscriptions.pin(names.bridge(bridgeId), handover);
  const renewSessions = (): void => {
    sessions.renew().catch((error: unknown) => {
      log.warn({ err: error }, 'sessions not renewed');
    });
  };
  const announceConnections = (): void => {
    quota.announce().catch((error: unknown) => {
      log.warn({ err: error }, 'connections not announced');
    });
  };
  // A Redis that comes back may have lost the claims and the counts.
  commands.on('ready', renewSessions);
  commands.on('ready', announceConnections);
  tellOfMemory(commands, log);

  const server = createServer(
    httpOptions(settings.handshakeTimeoutMs, settings.maxHeaderBytes),
    (request, response) => {
      request.resume();
      if (isHealthCheck(request)) answerHealthCheck(request, response, readiness());
      else respond(response, judgePlainRequest(request, routes));
    },
  );
  // All of them are judged, so none may be left out: their bytes are bounded.
  server.maxHeadersCount = 0;
  server.on('upgrade', (request, socket, head) => {
    void upgradeHandler.handle(request, socket, head);
  });
  // Node would answer these by itself, and nobody would know.
  server.on('clientError', (error, socket) => {
    upgradeHandler.refuseUnread(error, socket);
  });
  server.on('connect', (request, socket) => {
    upgradeHandler.refuse(NO_PROXY, socket, request);
  });
  server.on('checkExpectation', (request) => {
    upgradeHandler.refuse(EXPECTATION_FAILED, request.socket, request);
  });
  const readiness = (): Record<string, boolean> => {
    const redisCommands = links.health.commands === true;
    const redisSubscriber = links.health.subscriber === true;
    const areRelaysRecent = relaysUp.isRecent(links.relays) && redisCommands && redisSubscriber;
    return {
      redisCommands,
      redisSubscriber,
      ...(isRelayed && { redisRelays: links.relays || areRelaysRecent }),
      delivery: links.delivers.subscriber === true,
      accepting: upgradeHandler.isAccepting,
    };
  };
  const adminServer = createAdminServer(readiness, metrics.registry, {
    maxConnections: settings.adminMaxConnections,
    timeoutMs: settings.adminTimeoutMs,
    onRefused: (reason) => {
      log.info({ reason }, 'admin request refused');
    },
  });
  let renewTimer: NodeJS.Timeout | undefined;
  let announceTimer: NodeJS.Timeout | undefined;
  let wheelTimer: NodeJS.Timeout | undefined;
  const redisListeners = (): number => links.listenerCount;
  const ownListeners = redisListeners();

  let trafficEnded: Promise<void> | undefined;
  /** Closes the traffic port. @returns when the last TCP connection has ended */
  const stopListening = (): Promise<void> => (trafficEnded ??= closeServer(server));

  const close = async (): Promise<void> => {
    upgradeHandler.stop();
    clearInterval(renewTimer);
    clearInterval(announceTimer);
    clearInterval(wheelTimer);
    heartbeat.stop();
    subscribers.stop();
    const closed = Promise.all([
      upgradeHandler.connections.allClosed(),
      stopListening(),
      closeServer(adminServer),
    ]);
    upgradeHandler.connections.closeAll(CLOSE_CODES.serviceRestart);
    await shares.settled();
    await withDeadline(closed, CLOSE_GRACE_MS).catch(() => undefined);
    upgradeHandler.connections.terminateAll();
    upgradeHandler.destroyUndecided();
    server.closeAllConnections();
    adminServer.closeAllConnections();
    await closed;
    replayLogs.clear();
    await quota.settled();
    await links.disconnect();
  };

  return {
    start: async () => {
      const database = unscopedDatabase(redisTarget(settings), settings.channelPrefix);
      if (database !== undefined) log.warn({ database }, UNSCOPED_DATABASE);
      try {
        keys.push(...(await assertionKeys(settings)));
        await links.connect();
        const { host, listenBacklog: backlog, adminHost } = settings;
        const port = await listen(server, { port: settings.port, host, backlog });
        const adminPort = await listen(adminServer, { port: settings.adminPort, host: adminHost });
        heartbeat.start();
        subscribers.start();
        wheelTimer = setInterval(() => {
          wheel.advance(monotonicMs());
          tokenEnds.advance();
          for (const owners of Object.values(byteOwners)) owners.forgetIdle(monotonicMs());
          relaysUp.look(links.relays);
        }, WHEEL_TICK_MS);
        renewTimer = setInterval(renewSessions, renewIntervalMs(settings.sessionTtlMs));
        announceTimer = setInterval(announceConnections, announceIntervalMs(settings.connectionLeaseMs));
        if (settings.assertionPath === 'ignored') {
          log.warn('BRIDGE_ASSERTION_PATH=ignored: an assertion counts for every path');
        }
        log.info({ host, port, adminHost, adminPort }, 'listening');
        return { port, adminPort };
      } catch (error) {
        await close();
        throw error;
      }
    },
    drain: async () => {
      const ended = stopListening();
      // Node looks for requests that do not come only while it listens.
      const lateRequests = setTimeout(() => {
        server.closeAllConnections();
      }, settings.handshakeTimeoutMs);
      upgradeHandler.drain(settings.drainMs, monotonicMs());
      await ended;
      await upgradeHandler.connections.allClosed();
      clearTimeout(lateRequests);
      // Their clients come back to other bridges, which ask for what they missed.
      const end = wheel.add(monotonicMs() + settings.lingerMs, () => {
        replayLogs.clear();
      });
      await replayLogs.allGone();
      end.cancel();
      await close();
    },
    close,
    openState: () => ({
      connections: upgradeHandler.connections.size,
      undecidedUpgrades: upgradeHandler.undecided,
      channels: subscriptions.size,
      streams: replayLogs.size,
      ringBytes: ringBudget.bytes,
      ringTenants: ringBudget.tenants,
      unsentBytes: unsentBudget.bytes,
      deadlines: wheel.size + tokenEnds.size,
      sessions: sessions.size,
      revocable: upgradeHandler.connections.revocable,
      cappedCallers: quota.size,
      meteredCallers: byteOwners.commands.inUse + byteOwners.relay.inUse,
      handovers: handover.size,
      marks: markers.size,
      heartbeats: heartbeat.size,
      redisListeners: redisListeners() - ownListeners,
    }),
  };
}
