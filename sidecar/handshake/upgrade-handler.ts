import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Admission, Caller } from '../connection/admission';
import { Connection } from '../connection/connection';
import type { ConnectionContext } from '../connection/connection-context';
import { OpenConnections } from '../connection/open-connections';
import type { Order, OrderedEnd } from '../connection/order';
import { SENDER_ID_BYTES } from '../fanout/peer-envelope';
import {
  FAILED,
  forbidden,
  full,
  refuseUpgrade,
  unauthorized,
  unavailable,
  type Refusal,
} from '../http/refusal';
import { withDeadline } from '../lib/promises';
import type { Metrics } from '../metrics/metrics';
import type { Transport } from '../metrics/outcomes';
import type { Route } from '../routes/route';
import { judgeUpgrade, type AdmissionPolicy } from './admission';
import { FrameBounds, type MessageBounds } from './frame-bounds';
import type { Opening } from './opening';
import { redisRefusal } from './redis-refusal';
import { RecentRevocations } from './revocations';
import { StreamOpening } from './stream-opening';
import { unreadRefusal } from './unread-request';
import { upgradeRequestReader, type UpgradeRequest, type UpgradeRequestReader } from './upgrade-request';
import { WebSocketOpening, type WebSocketContext } from './web-socket-opening';

/** An upgrade handler works with these. */
export interface UpgradeContext extends MessageBounds {
  readonly policy: AdmissionPolicy;
  readonly context: ConnectionContext;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Open connections, and those on their way, at most; 0 for any number. */
  readonly maxConnections: number;
  /** A plain client may have these as well, besides `plain.v1`. */
  readonly subprotocols: readonly string[];
  /** An upgrade that Redis has not decided by then is refused, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** From 0 on and below 1. */
  readonly random: () => number;
}

const CLOSING = unavailable('the bridge is closing');
const FULL = full('the bridge is full');
/** The answer to an upgrade that was admitted before an order. */
const ORDERED: Readonly<Record<OrderedEnd, Refusal>> = {
  revoked: unauthorized('the token was revoked'),
  forbidden: forbidden('the right to this path was revoked'),
  reauthorized: unauthorized('rights have changed since this was admitted'),
};

/** RFC 9110 §15.5.4: the caller is known, and may not. */
const FORBIDDEN = 403;

/** It was answered when it was admitted. */
const ADMITTED = { outcome: 'admitted', status: undefined } as const;
const ADMITTED_STATUS: Readonly<Record<Transport, number>> = { websocket: 101, http: 200 };
/** Nobody waits for an answer. */
const CLIENT_GONE = { outcome: 'client_gone', status: undefined } as const;
type Result = typeof ADMITTED | typeof CLIENT_GONE | Refusal;

/** The result of an upgrade, and whose it was, as far as that is known. */
interface Decision {
  readonly result: Result;
  readonly route?: Route | undefined;
  readonly caller?: Caller | undefined;
}

/** Takes upgrades to open connections. */
export class UpgradeHandler {
  readonly connections: OpenConnections;
  readonly #context: UpgradeContext;
  readonly #webSockets: WebSocketContext;
  readonly #read: UpgradeRequestReader;
  readonly #establishing = new Set<Connection>();
  readonly #undecided = new Set<Duplex>();
  /** Sockets of browsers that are told by a close code that they are refused. */
  readonly #parting = new Set<Duplex>();
  readonly #revocations = new RecentRevocations();
  #toldOfUnboundAssertion = false;
  #closing = false;
  readonly #onClosed = (connection: Connection, code: number): void => {
    this.connections.delete(connection);
    this.#context.log.debug({ code }, 'closed');
  };

  constructor(context: UpgradeContext) {
    this.#context = context;
    this.connections = new OpenConnections(context.context.shares);
    this.#read = upgradeRequestReader(context.policy.headers);
    this.#webSockets = {
      bounds: new FrameBounds(context),
      read: this.#read,
      subprotocols: new Set(context.subprotocols),
      timers: context.context,
    };
  }

  /** How many upgrades are not decided yet. */
  get undecided(): number {
    return this.#undecided.size;
  }

  /**
   * Refuses those on their way that an order means, at once, and ends the open sockets that it means.
   * @param onObeyed told how many sockets it met
   */
  obey(order: Order, onObeyed: (met: number) => void): void {
    const nowMs = this.#context.policy.monotonicMs();
    this.#revocations.add(order, nowMs);
    this.connections.obey(order, nowMs, onObeyed);
  }

  /** From now on every upgrade is refused. */
  stop(): void {
    this.#closing = true;
  }

  /**
   * Closes every socket with 1012, spread evenly over `drainMs`. An upgrade on a TCP connection that was taken before
   * is admitted still. To refuse it would be final behind a gateway that sends it elsewhere only when nobody answers.
   */
  drain(drainMs: number, nowMs: number): void {
    this.connections.drain(drainMs, nowMs);
  }

  /** Whether this bridge goes on: it neither drains nor closes. */
  get isAccepting(): boolean {
    return !this.#closing && !this.connections.isDraining;
  }

  get #isFull(): boolean {
    const { maxConnections } = this.#context;
    return maxConnections > 0 && this.connections.size + this.#establishing.size >= maxConnections;
  }

  /** Cuts what is not decided yet, and what is refused and not closed yet. */
  destroyUndecided(): void {
    for (const socket of [...this.#undecided, ...this.#parting]) socket.destroy();
  }

  /** Decides one upgrade, answers it, logs and counts it. Never rejects. */
  handle(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    return this.#handle(new WebSocketOpening({ message, socket, head }, this.#webSockets));
  }

  /** Decides one request for an event stream, answers it, logs and counts it. Never rejects. */
  handleStream(message: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#handle(new StreamOpening(message, response, this.#read, this.#context.random));
  }

  async #handle(opening: Opening): Promise<void> {
    const begunMs = performance.now();
    const { request, socket, transport } = opening;
    const destroy = (): void => void socket.destroy();
    // A client that resets its connection in the middle must not end the process.
    socket.on('error', destroy);
    this.#undecided.add(socket);
    let decision: Decision;
    try {
      decision = await this.#decide(opening);
    } catch (error) {
      this.#context.log.error({ err: error }, 'upgrade failed');
      decision = { result: FAILED };
    }
    if (!this.#tellBrowser(decision, opening)) answer(decision.result, opening);
    this.#undecided.delete(socket);
    if (decision.result === ADMITTED) socket.off('error', destroy);
    const seconds = (performance.now() - begunMs) / 1000;
    const { route, result } = decision;
    this.#context.metrics.upgrade(route?.name, transport, result.outcome, seconds);
    this.#record(request, decision, transport);
  }

  /** Why nothing of a caller is taken now that was admitted before: the bridge closes, or an order means it. */
  refusalOf(caller: Caller, path: string): Refusal | undefined {
    if (this.#closing) return CLOSING;
    const ordered = this.#ordered({ caller, path });
    return ordered && ORDERED[ordered];
  }

  /** Answers what Node could not read as a request, or did not wait for; logs and counts it. */
  refuseUnread(error: NodeJS.ErrnoException, socket: Duplex): void {
    socket.on('error', () => undefined);
    const refusal = unreadRefusal(error);
    if (refusal !== undefined && socket.writable) this.refuse(refusal, socket);
    else socket.destroy();
  }

  /** Answers a request that is no upgrade by itself on its raw socket, and closes that; logs and counts it. */
  refuse(refusal: Refusal, socket: Duplex, message?: IncomingMessage): void {
    if (!socket.destroyed) refuseUpgrade(socket, refusal);
    this.#context.metrics.upgrade(undefined, 'websocket', refusal.outcome);
    const request = message && this.#read(message);
    this.#record(request, { result: refusal });
  }

  async #decide(opening: Opening): Promise<Decision> {
    if (this.#closing) return { result: CLOSING };
    const verdict = await judgeUpgrade(opening.request, this.#context.policy);
    if (!verdict.admitted) {
      const { refusal, route, caller } = verdict;
      return { result: refusal, route, caller };
    }
    const { admission } = verdict;
    const { route, caller } = admission;
    if (caller.path === undefined) this.#tellOfUnboundAssertion();
    return { result: await this.#establish(admission, opening), route, caller };
  }

  /** Once: it is about a gatekeeper, and each of its upgrades would say it. */
  #tellOfUnboundAssertion(): void {
    if (this.#toldOfUnboundAssertion || this.#context.policy.assertionPath === 'ignored') return;
    this.#toldOfUnboundAssertion = true;
    this.#context.log.warn(
      'an assertion names no path and counts for every one: once every gatekeeper signs it, set BRIDGE_ASSERTION_PATH=required',
    );
  }

  async #establish(admission: Admission, opening: Opening): Promise<Result> {
    if (this.#isFull) return FULL;
    const { context, handshakeTimeoutMs } = this.#context;
    const { caller } = admission;
    const connection = this.#connectionOf(admission);
    this.#establishing.add(connection);
    try {
      const isVain = (): boolean => this.#isVain(opening.socket, connection);
      const refusal = await withDeadline(connection.establish(isVain), handshakeTimeoutMs);
      if (refusal !== undefined) return refusal;
      // A client is sent what it missed, which may be much: of a storm of them others do not wait for all.
      return await context.shares.ask(caller.identity.tenantId, () =>
        this.#admit(admission, connection, opening),
      );
    } catch (error) {
      return redisRefusal(error);
    } finally {
      this.#establishing.delete(connection);
      if (!connection.hasSocket) connection.release();
    }
  }

  #connectionOf(admission: Admission): Connection {
    const { context, metrics } = this.#context;
    const { route } = admission;
    const senderId = route.messages === 'relay' ? randomBytes(SENDER_ID_BYTES) : undefined;
    return new Connection(admission, context, metrics.ofRoute(route.name), senderId);
  }

  /** Whether an upgrade is to be refused, whatever Redis says. It stays so: nothing of this is ever undone. */
  #isVain(socket: Duplex, connection: Connection): boolean {
    return this.#closing || !socket.readable || !socket.writable || this.#ordered(connection) !== undefined;
  }

  /**
   * Tells a browser by a close code that a caller is refused for good, since it cannot read an answer.
   * @returns whether it was told
   */
  #tellBrowser({ result, route, caller }: Decision, opening: Opening): boolean {
    if (!('message' in result) || result.status !== FORBIDDEN) return false;
    if (route === undefined || caller === undefined) return false;
    if (!opening.forbid({ route }, result.message)) return false;
    const { socket } = opening;
    // It may be gone by now, and its end was told.
    if (socket.destroyed) return true;
    this.#parting.add(socket);
    socket.once('close', () => this.#parting.delete(socket));
    return true;
  }

  /** Judges once more what may have changed since it was established, and admits it. */
  #admit(admission: Admission, connection: Connection, opening: Opening): Result {
    const refused = this.refusalOf(connection.caller, connection.path);
    if (refused !== undefined) return refused;
    // Since it was established the session may have gone to another, or the right to its channel.
    if (connection.forfeited !== undefined) return connection.forfeited;
    const refusal = opening.admit(admission, connection, (socket, stream) => {
      this.connections.add(connection);
      connection.open(socket, stream, this.#onClosed);
    });
    return refusal ?? (connection.hasSocket ? ADMITTED : CLIENT_GONE);
  }

  #ordered({ caller, path }: Pick<Connection, 'caller' | 'path'>): OrderedEnd | undefined {
    const { now, monotonicMs } = this.#context.policy;
    return this.#revocations.reach(caller, path, now(), monotonicMs());
  }

  #record(
    request: UpgradeRequest | undefined,
    { result, route, caller }: Decision,
    transport: Transport = 'websocket',
  ): void {
    this.#context.log.info(
      {
        outcome: result.outcome,
        status: result === ADMITTED ? ADMITTED_STATUS[transport] : result.status,
        transport,
        route: route?.name,
        requestId: caller?.requestId,
        kongRequestId: request?.kongRequestId,
        traceId: request?.trace?.traceId,
        tenant: caller?.identity.tenantId,
        user: caller?.identity.userId,
        reason: 'message' in result ? (result.detail ?? result.message) : undefined,
      },
      'upgrade',
    );
  }
}

/** Answers a refusal. Any other upgrade has its answer, or needs none. */
function answer(result: Result, opening: Opening): void {
  if ('message' in result && !opening.socket.destroyed) opening.refuse(result);
}
