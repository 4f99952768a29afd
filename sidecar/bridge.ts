import type { Server } from 'node:http';
import type { Registry } from 'prom-client';
import { CLOSE_CODES } from '../protocol/close-codes';
import { tellOfServers } from '../redis/first-look';
import { UNSCOPED_DATABASE, unscopedDatabase } from '../redis/name-prefix';
import { assemble, type BridgeDeps } from './assemble';
import type { Parts } from './parts';
import { ConnectionLists, type ListRequest } from './control/connection-list';
import { controlReceiver } from './control/control-channel';
import { LateRequests } from './handshake/late-requests';
import { createTrafficServer } from './handshake/traffic-server';
import { Housekeeping } from './housekeeping';
import { createAdminServer } from './http/admin-server';
import type { Readiness } from './http/readiness';
import { closeServer, listen } from './http/server';
import { withDeadline } from './lib/promises';
import { openState, type OpenState } from './open-state';
import { readinessOf } from './readiness';
import { redisTarget } from './redis/settings';
import { UNUSED_TLS, unusedTls } from './redis/unused-tls';
import { assertionKeys } from './settings/assertion-keys';
import type { Settings } from './settings/settings';

export type { BridgeDeps } from './assemble';
export type { OpenState } from './open-state';

/** How long clients have for the closing handshake when the bridge closes, in milliseconds. */
export const CLOSE_GRACE_MS = 1000;

/** The ports that a bridge listens on. */
export interface BridgePorts {
  readonly port: number;
  readonly adminPort: number;
}

/**
 * Makes a bridge.
 * @throws RouteError when the routes file cannot be served
 */
export function createBridge(settings: Settings, deps: BridgeDeps): Bridge {
  return new Bridge(settings, assemble(settings, deps));
}

/** A bridge, from {@link createBridge}. */
export class Bridge {
  readonly #settings: Settings;
  readonly #parts: Parts;
  readonly #server: Server;
  readonly #lateRequests: LateRequests;
  readonly #adminServer: Server;
  readonly #housekeeping: Housekeeping;
  /** On the Redis connections. */
  readonly #ownListeners: number;
  #trafficEnded: Promise<void> | undefined;

  constructor(settings: Settings, parts: Parts) {
    this.#settings = settings;
    this.#parts = parts;
    const { names, bridgeId, links, resumption, upgradeHandler, postedMessages, metrics, routes, log } =
      parts;
    const { subscriptions } = links.subscribers;
    const obey = upgradeHandler.obey.bind(upgradeHandler);
    const lists = listsOf(parts);
    const list = (request: ListRequest): void => void lists.answer(request);
    subscriptions.pin(names.control, controlReceiver({ channel: names.control, obey, list, metrics, log }));
    subscriptions.pin(names.bridge(bridgeId), resumption.handover);
    this.#housekeeping = new Housekeeping(parts, settings);
    tellOfServers(links.commands, log);
    const readiness = () => readinessOf(parts);
    this.#server = createTrafficServer(settings, routes, upgradeHandler, postedMessages, readiness);
    this.#lateRequests = new LateRequests(this.#server);
    const told = { isLive: () => true, readiness, metrics: () => metrics.registry.metrics() };
    this.#adminServer = createAdminServer(told, settings, log);
    this.#ownListeners = links.listenerCount;
  }

  /**
   * Listens. Redis need not be there: until it is, `/readyz` says 503 and so does every upgrade.
   * @throws KeyError for a key that cannot be used, and Node's error when a port is taken
   */
  async start(): Promise<BridgePorts> {
    const { host, adminHost, adminPort } = this.#settings;
    const ports = await this.#start(async () => ({
      port: await this.#listen(),
      adminPort: await listen(this.#adminServer, { port: adminPort, host: adminHost }, this.#parts.log),
    }));
    this.#parts.log.info({ host, port: ports.port, adminHost, adminPort: ports.adminPort }, 'listening');
    return ports;
  }

  /** The same for one of several workers, whose admin port is their primary's. @returns the port */
  startAsWorker(): Promise<number> {
    return this.#start(() => this.#listen());
  }

  async #start<Ports>(open: () => Promise<Ports>): Promise<Ports> {
    const { assertionPath } = this.#settings;
    const { keys, links, heartbeats, log } = this.#parts;
    const database = unscopedDatabase(redisTarget(this.#settings), this.#settings.channelPrefix);
    if (database !== undefined) log.warn({ database }, UNSCOPED_DATABASE);
    const variables = unusedTls(this.#settings);
    if (variables.length > 0) log.warn({ variables }, UNUSED_TLS);
    try {
      keys.push(...(await assertionKeys(this.#settings)));
      await links.connect();
      const ports = await open();
      for (const heartbeat of Object.values(heartbeats)) heartbeat.start();
      links.subscribers.start();
      this.#housekeeping.start();
      if (assertionPath === 'ignored') {
        log.warn('BRIDGE_ASSERTION_PATH=ignored: an assertion counts for every path');
      }
      return ports;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Which of the parts that upgrades need are ready. */
  get readiness(): Readiness {
    return readinessOf(this.#parts);
  }

  get registry(): Registry {
    return this.#parts.metrics.registry;
  }

  /** Closes the traffic port, so that a balancer goes elsewhere. Connections stay, and so do upgrades on them. */
  retire(): void {
    void this.#stopListening();
  }

  /**
   * Ends gently. The bridge is unready and closes its traffic port at once, so that a balancer goes elsewhere. It still
   * admits upgrades on TCP connections that it took before. It closes sockets with 1012, spread over `BRIDGE_DRAIN_MS`,
   * and finishes their messages. It hands over the frames that their clients missed for `BRIDGE_LINGER_MS`. Then it
   * ends as {@link close} does.
   */
  async drain(): Promise<void> {
    const { handshakeTimeoutMs, drainMs, lingerMs } = this.#settings;
    const { upgradeHandler, resumption, wheel, monotonicMs } = this.#parts;
    const ended = this.#stopListening();
    // Node looks for requests that do not come only while it listens.
    const lateRequests = setTimeout(() => {
      this.#lateRequests.cut();
    }, handshakeTimeoutMs);
    upgradeHandler.drain(drainMs, monotonicMs());
    await ended;
    await upgradeHandler.connections.allClosed();
    clearTimeout(lateRequests);
    // Their clients come back to other bridges, which ask for what they missed.
    const end = wheel.add(monotonicMs() + lingerMs, () => {
      resumption.replayLogs.giveUpAll();
    });
    await resumption.replayLogs.allGone();
    end.cancel();
    await this.close();
  }

  /** Stops listening, closes every socket with 1012, lets go of Redis. */
  async close(): Promise<void> {
    const { upgradeHandler, heartbeats, links, shares, resumption, quota, returns, presence, locks } =
      this.#parts;
    upgradeHandler.stop();
    this.#housekeeping.stop();
    for (const heartbeat of Object.values(heartbeats)) heartbeat.stop();
    links.subscribers.stop();
    const closed = Promise.all([
      upgradeHandler.connections.allClosed(),
      this.#stopListening(),
      closeServer(this.#adminServer),
    ]);
    upgradeHandler.connections.closeAll(CLOSE_CODES.serviceRestart);
    // One that is flooded has always more to do, and nobody's time for a close ends any more.
    await withDeadline(shares.settled(), CLOSE_GRACE_MS).catch(() => undefined);
    await withDeadline(closed, CLOSE_GRACE_MS).catch(() => undefined);
    upgradeHandler.connections.terminateAll();
    upgradeHandler.destroyUndecided();
    this.#server.closeAllConnections();
    this.#adminServer.closeAllConnections();
    await closed;
    resumption.replayLogs.clear();
    await Promise.all([quota.settled(), returns.settled(), presence?.settled(), locks?.settled()]);
    await links.disconnect();
  }

  openState(): OpenState {
    return openState(this.#parts, this.#ownListeners);
  }

  #listen(): Promise<number> {
    const { port, host, listenBacklog: backlog } = this.#settings;
    return listen(this.#server, { port, host, backlog }, this.#parts.log);
  }

  /** Closes the traffic port. @returns when the last TCP connection has ended */
  #stopListening(): Promise<void> {
    return (this.#trafficEnded ??= closeServer(this.#server));
  }
}

function listsOf({ bridgeId, names, upgradeHandler, links, shares, log }: Parts): ConnectionLists {
  const { connections } = upgradeHandler;
  const find = connections.find.bind(connections);
  return new ConnectionLists({ bridgeId, names, find, publish: links.publish, shares, log });
}
