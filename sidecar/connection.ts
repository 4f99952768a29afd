import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import { CLOSE_CODES, type CloseCode } from '../protocol/close-codes';
import type { Admission } from './admission';
import type { Receiver } from './delivery';
import type { Heartbeat, Pulse } from './heartbeat';
import { receive, type Outlet, type Sender } from './inbound';
import type { RouteMetrics } from './metrics';
import { forbidden, type Refusal } from './refusal';
import type { SessionHolder, Sessions } from './sessions';
import type { Subscriptions } from './subscriptions';

/** What all connections of a bridge share. */
export interface Surroundings {
  readonly subscriptions: Subscriptions<Connection>;
  readonly sessions: Sessions;
  readonly heartbeat: Heartbeat;
  readonly outlet: Outlet;
  /** A socket with so many messages on their way to Redis is not read from. */
  readonly maxPendingMessages: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/**
 * One client: from its admission, when it takes what it needs of Redis, over its open socket, to its end, when
 * everything that it took is given back.
 */
export class Connection implements Receiver, Pulse, SessionHolder {
  readonly senderId: Buffer | undefined;
  readonly #admission: Admission;
  readonly #surroundings: Surroundings;
  readonly #metrics: RouteMetrics;
  readonly #sender: Sender;
  #socket: WebSocket | undefined;
  #pendingMessages = 0;
  #released = false;

  /** @param uniqueId tells this client from every other, on any bridge: 16 bytes */
  constructor(admission: Admission, surroundings: Surroundings, metrics: RouteMetrics, uniqueId: Buffer) {
    const { route, caller, session = '', channels } = admission;
    this.#admission = admission;
    this.#surroundings = surroundings;
    this.#metrics = metrics;
    this.senderId = route.messages === 'relay' ? uniqueId : undefined;
    const { tenantId, userId } = caller.identity;
    this.#sender = {
      messages: route.messages,
      origin: { tenantId, userId, session, requestId: caller.requestId },
      channel: channels[0] ?? '',
      senderId: uniqueId,
    };
  }

  /** Whether it has a socket. */
  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /**
   * Claims the session and subscribes to the channels, after which nothing published is missed.
   * @returns why it may not, or undefined
   * @throws when Redis is unreachable
   */
  async establish(): Promise<Refusal | undefined> {
    const { sessions, subscriptions } = this.#surroundings;
    const { session, channels } = this.#admission;
    const { tenantId, userId } = this.#admission.caller.identity;
    if (session !== undefined) {
      const owned = await sessions.claim(session, tenantId, userId);
      if (!owned) return forbidden("the session is somebody else's");
      if (this.#released) return undefined;
      sessions.hold(session, tenantId, userId, this);
    }
    await Promise.all(channels.map((channel) => subscriptions.join(channel, this)));
    return undefined;
  }

  /** Serves the socket until it closes. */
  open(socket: WebSocket, onClose: (code: number) => void): void {
    this.#socket = socket;
    this.#metrics.connections.inc();
    this.#surroundings.heartbeat.watch(this);
    socket.on('pong', () => {
      this.#surroundings.heartbeat.heard(this);
    });
    socket.on('message', (data, binary) => {
      // With ws's default binaryType, "nodebuffer", a message is one Buffer.
      void this.#take(data as Buffer, binary);
    });
    // What is wrong is in the close code; without a listener it would end the process.
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      this.#metrics.connections.dec();
      this.release();
      onClose(code);
    });
  }

  /** Gives back everything that was taken. Can be called at any stage, more than once. */
  release(): void {
    this.#released = true;
    const { sessions, subscriptions, heartbeat } = this.#surroundings;
    const { session, channels } = this.#admission;
    heartbeat.unwatch(this);
    if (session !== undefined) sessions.release(session, this);
    for (const channel of channels) subscriptions.leave(channel, this);
  }

  send(payload: Buffer, binary: boolean): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(payload, { binary });
    this.#metrics.framesSent.inc();
  }

  ping(): void {
    this.#socket?.ping();
  }

  terminate(): void {
    this.#socket?.terminate();
  }

  /** Closes the socket with a code and its name as the reason. */
  close({ code, name }: CloseCode): void {
    this.#socket?.close(code, name);
  }

  /** Ends the connection at once: not one more message may reach it. */
  evict(): void {
    this.release();
    this.close(CLOSE_CODES.forbidden);
  }

  async #take(payload: Buffer, binary: boolean): Promise<void> {
    const { outlet, now, log } = this.#surroundings;
    this.#metrics.messagesReceived.inc();
    this.#countPending(1);
    try {
      const answer = await receive(payload, binary, this.#sender, outlet, now());
      if (answer !== undefined) this.#socket?.send(answer);
    } catch (error) {
      log.error({ err: error }, 'message failed');
      this.close(CLOSE_CODES.internalError);
    } finally {
      this.#countPending(-1);
    }
  }

  #countPending(change: 1 | -1): void {
    this.#pendingMessages += change;
    const full = this.#pendingMessages >= this.#surroundings.maxPendingMessages;
    if (full) this.#socket?.pause();
    else if (this.#socket?.isPaused === true) this.#socket.resume();
  }
}
