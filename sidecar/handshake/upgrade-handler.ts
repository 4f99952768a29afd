import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer, type Server } from 'ws';
import type { Assertion } from '../../protocol/assertion';
import { readTraceContext } from '../../protocol/trace-context';
import { judgeUpgrade, type AdmissionPolicy } from './admission';
import { BridgeSocket } from '../fanout/bridge-socket';
import type { Revocation } from '../connection/caller-index';
import { TooManyChannelsError } from '../pubsub/channel-registry';
import type { Admission } from '../connection/admission';
import { Connection, type ConnectionContext } from '../connection/connection';
import { OpenConnections } from '../connection/open-connections';
import { FOREIGN_SESSION } from '../connection/reservation';
import { withDeadline } from '../lib/promises';
import { SENDER_ID_BYTES } from '../fanout/peer-envelope';
import type { Metrics } from '../metrics/metrics';
import {
  badRequest,
  FAILED,
  forbidden,
  full,
  refuseUpgrade,
  unauthorized,
  unavailable,
  type Refusal,
} from '../http/refusal';
import { largestMessage, type MessageSizes } from '../inbound/message-size';
import { RecentRevocations } from './revocations';
import { unreadRefusal } from './unread-request';
import type { Route } from '../routes/route';
import { UnclaimableSessionError } from '../sessions/sessions';
import { selectSubprotocol } from './subprotocols';
import type { UpgradeOutcome } from '../metrics/outcomes';
import { RefusedChannelError } from '../pubsub/subscribe-commands';

/** What upgrades need. */
export interface UpgradeContext {
  readonly policy: AdmissionPolicy;
  readonly context: ConnectionContext;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Open connections, and those on their way, at most; 0 for any number. */
  readonly maxConnections: number;
  readonly messageSizes: MessageSizes;
  /** Frames that a message from a client may come in. */
  readonly maxFragments: number;
  /** What may be agreed to besides `bridge.v1` and `plain.v1`, for plain clients. */
  readonly subprotocols: readonly string[];
  /** An upgrade that Redis has not decided by then is refused, in milliseconds. */
  readonly handshakeTimeoutMs: number;
}

/** In so many pieces a frame may come that is not whole yet; its client is closed with 1008 (PROTOCOL.md §3). */
export const MAX_BUFFERED_CHUNKS = 16_384;

const CHANNEL_NOT_ALLOWED = forbidden('Redis does not allow the channel');

interface Report {
  readonly outcome: UpgradeOutcome;
  readonly route: string | undefined;
  readonly caller: Assertion | undefined;
  readonly status?: number;
  readonly reason?: string | undefined;
}

/** Takes upgrades to open connections. */
export class UpgradeHandler {
  readonly connections = new OpenConnections();
  readonly #context: UpgradeContext;
  /** By the largest message that they take. */
  readonly #servers = new Map<number, Server<typeof BridgeSocket>>();
  readonly #establishing = new Set<Connection>();
  readonly #undecided = new Set<Duplex>();
  readonly #revocations = new RecentRevocations();
  #toldOfUnboundAssertion = false;
  #closing = false;
  readonly #onClosed = (connection: Connection, code: number): void => {
    this.connections.delete(connection);
    this.#context.log.debug({ code }, 'closed');
  };

  constructor(context: UpgradeContext) {
    this.#context = context;
  }

  /** How many upgrades are not decided yet. */
  get undecided(): number {
    return this.#undecided.size;
  }

  /** Closes the sockets that are meant with 4401, and refuses those on their way. @returns how many sockets it met */
  revoke(revocation: Revocation): number {
    this.#revocations.add(revocation, this.#context.policy.monotonicMs());
    return this.connections.revoke(revocation);
  }

  /** From now on every upgrade is refused. */
  stop(): void {
    this.#closing = true;
  }

  /**
   * Closes every socket with 1012, spread evenly over `drainMs`. An upgrade on a TCP connection that was taken before is
   * admitted still: to refuse it would be final, behind a gateway that sends it elsewhere only when nobody answers.
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

  /** Cuts what is not decided yet. */
  destroyUndecided(): void {
    for (const socket of this.#undecided) socket.destroy();
  }

  /** Decides one upgrade, answers it, logs and counts it. Never rejects. */
  async handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const begunMs = performance.now();
    const destroy = (): void => void socket.destroy();
    // A client that resets its connection in the middle must not end the process.
    socket.on('error', destroy);
    this.#undecided.add(socket);
    let report: Report;
    try {
      report = await this.#decide(request, socket, head);
    } catch (error) {
      this.#context.log.error({ err: error }, 'upgrade failed');
      report = refuse(socket, FAILED, undefined, undefined);
    }
    this.#undecided.delete(socket);
    if (report.outcome === 'admitted') socket.off('error', destroy);
    this.#context.metrics.upgrade(report.route, report.outcome, (performance.now() - begunMs) / 1000);
    this.#record(request.headers, report);
  }

  /** Answers what Node could not read as a request, or did not wait for; logs and counts it. */
  refuseUnread(error: NodeJS.ErrnoException, socket: Duplex): void {
    socket.on('error', () => undefined);
    const refusal = unreadRefusal(error);
    if (refusal !== undefined && socket.writable) this.refuse(refusal, socket);
    else socket.destroy();
  }

  /** Answers a request that is no upgrade by itself on its raw socket, and closes that; logs and counts it. */
  refuse(refusal: Refusal, socket: Duplex, headers: IncomingHttpHeaders = {}): void {
    const report = refuse(socket, refusal, undefined, undefined);
    this.#context.metrics.upgrade(undefined, report.outcome);
    this.#record(headers, report);
  }

  async #decide(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Report> {
    if (this.#closing) return refuse(socket, unavailable('the bridge is closing'), undefined, undefined);
    const verdict = await judgeUpgrade(request, this.#context.policy);
    if (!verdict.admitted) return refuse(socket, verdict.refusal, verdict.route?.name, verdict.caller);
    if (verdict.admission.caller.path === undefined) this.#tellOfUnboundAssertion();
    return this.#establish(verdict.admission, request, socket, head);
  }

  /** Once: it is about a gatekeeper, and each of its upgrades would say it. */
  #tellOfUnboundAssertion(): void {
    if (this.#toldOfUnboundAssertion || this.#context.policy.assertionPath === 'ignored') return;
    this.#toldOfUnboundAssertion = true;
    this.#context.log.warn(
      'an assertion names no path and counts for every one: once every gatekeeper signs it, set BRIDGE_ASSERTION_PATH=required',
    );
  }

  async #establish(
    admission: Admission,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<Report> {
    const { context, metrics, handshakeTimeoutMs } = this.#context;
    const { caller, route } = admission;
    if (this.#isFull) return refuse(socket, full('the bridge is full'), route.name, caller);
    const senderId = route.messages === 'relay' ? randomBytes(SENDER_ID_BYTES) : undefined;
    const connection = new Connection(admission, context, metrics.ofRoute(route.name), senderId);
    this.#establishing.add(connection);
    // As it is judged once more before it is answered: none of this is ever undone.
    const isVain = (): boolean =>
      this.#closing || !socket.readable || !socket.writable || this.#isRevoked(caller);
    try {
      const refusal = await withDeadline(connection.establish(isVain), handshakeTimeoutMs);
      if (refusal !== undefined) return refuse(socket, refusal, route.name, caller);
      // A client is sent what it missed, which may be much: of a storm of them others do not wait for all.
      return await context.shares.ask(caller.identity.tenantId, () =>
        this.#admit(connection, route, request, socket, head),
      );
    } catch (error) {
      if (error instanceof TooManyChannelsError) {
        return refuse(socket, full('the bridge has no room for another channel'), route.name, caller);
      }
      if (error instanceof UnclaimableSessionError) {
        return refuse(socket, unavailable(error.message), route.name, caller);
      }
      const reason = error instanceof Error ? error.message : 'unknown';
      if (error instanceof RefusedChannelError) {
        return { ...refuse(socket, CHANNEL_NOT_ALLOWED, route.name, caller), reason };
      }
      return { ...refuse(socket, unavailable('Redis is unreachable'), route.name, caller), reason };
    } finally {
      this.#establishing.delete(connection);
      if (!connection.hasSocket) connection.release();
    }
  }

  /** Judges once more what may have changed since it was established, and answers 101. */
  #admit(
    connection: Connection,
    route: Route,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Report {
    const { caller } = connection;
    if (this.#closing) return refuse(socket, unavailable('the bridge is closing'), route.name, caller);
    if (this.#isRevoked(caller)) {
      return refuse(socket, unauthorized('the token was revoked'), route.name, caller);
    }
    // Since it was established the session may have gone to another.
    if (connection.isEvicted) return refuse(socket, FOREIGN_SESSION, route.name, caller);
    const fault = this.#open(connection, route, request, socket, head);
    if (fault !== undefined) return refuse(socket, fault, route.name, caller);
    const outcome = connection.hasSocket ? 'admitted' : 'client_gone';
    return { outcome, route: route.name, caller, ...(connection.hasSocket ? { status: 101 } : {}) };
  }

  #isRevoked(caller: Assertion): boolean {
    const { now, monotonicMs } = this.#context.policy;
    return this.#revocations.reach(caller, now(), monotonicMs());
  }

  /** Answers 101, unless the client is gone by now. @returns why ws does not take the handshake, if it does not */
  #open(
    connection: Connection,
    route: Route,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Refusal | undefined {
    const server = this.#serverOf(route);
    let fault: Refusal | undefined;
    const onFault = (error: Error): void => {
      fault = badRequest(error.message);
    };
    server.once('wsClientError', onFault);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      this.connections.add(connection);
      connection.open(webSocket, socket, this.#onClosed);
    });
    server.off('wsClientError', onFault);
    return fault;
  }

  /** ws knows one largest message a server; it judges a message by the headers of its frames, before it reads them. */
  #serverOf(route: Route): Server<typeof BridgeSocket> {
    const maxPayload = largestMessage(route, this.#context.messageSizes);
    const known = this.#servers.get(maxPayload);
    if (known !== undefined) return known;
    const server = webSocketServer(this.#context, maxPayload);
    this.#servers.set(maxPayload, server);
    return server;
  }

  #record(headers: IncomingHttpHeaders, { outcome, route, caller, status, reason }: Report): void {
    const { 'x-kong-request-id': kongRequestId, traceparent } = headers;
    // Node joins a repeated header, and what is joined is no traceparent.
    const trace = readTraceContext(String(traceparent), undefined);
    this.#context.log.info(
      {
        outcome,
        status,
        route,
        requestId: caller?.requestId,
        kongRequestId,
        traceId: trace?.traceId,
        tenant: caller?.identity.tenantId,
        user: caller?.identity.userId,
        reason,
      },
      'upgrade',
    );
  }
}

function webSocketServer(
  { maxFragments, subprotocols }: UpgradeContext,
  maxPayload: number,
): Server<typeof BridgeSocket> {
  const listed = new Set(subprotocols);
  return new WebSocketServer({
    noServer: true,
    WebSocket: BridgeSocket,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    maxFragments,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    // Within the rate of messages, which ws knows nothing of.
    autoPong: false,
    // Without this ws would agree to whatever the client names first.
    handleProtocols: (offers) => selectSubprotocol(offers, listed) ?? false,
  });
}

function refuse(
  socket: Duplex,
  refusal: Refusal,
  route: string | undefined,
  caller: Assertion | undefined,
): Report {
  const { outcome, status, message, detail: reason = message } = refusal;
  if (!socket.destroyed) refuseUpgrade(socket, refusal);
  return { outcome, status, route, caller, reason };
}
