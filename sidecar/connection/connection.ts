import { WebSocket } from 'ws';
import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';
import type { ClientSocket, FrameStream, SocketOwner } from '../fanout/client-socket';
import type { FlushScheduler } from '../fanout/flush-scheduler';
import type { Frame } from '../fanout/frame';
import { SendQueue, type SendQueuePolicy } from '../fanout/send-queue';
import type { Unsent, UnsentBudget } from '../fanout/unsent-budget';
import type { Refusal } from '../http/refusal';
import { MessageHandler, type MessageClient, type MessageContext } from '../inbound/message-handler';
import { MessageTimeout, type MessageReader, type MessageTimeoutContext } from '../inbound/message-timeout';
import type { Sender } from '../inbound/receive';
import type { LoopShares, Owner } from '../lib/loop-shares';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import type { LockDenial, LockHolder } from '../locks/lock-holder';
import type { LockMessage } from '../locks/lock-message';
import type { Locks } from '../locks/locks';
import type { RouteMetrics } from '../metrics/metrics';
import type { Transport } from '../metrics/outcomes';
import type { Peer, Peers } from '../peers/peers';
import type { Listening, Presence } from '../presence/presence';
import type { Returns } from '../quotas/returns';
import type { SlowConsumerPolicy } from '../routes/route';
import type { SessionHolder } from '../sessions/sessions';
import type { BytesReader } from '../websocket/bridge-socket';
import type { Admission, Caller } from './admission';
import { chooseSubscription, type SubscriptionContext } from './choose-subscription';
import type { Beat, Heartbeat, Pulse } from './heartbeat';
import { mayHaveLocksAgain, mayRenew, mayReturn } from './may-return';
import { Pongs } from './pongs';
import { Reservation, type ReservationContext } from './reservation';
import type { Subscription } from './subscription';
import type { TokenEnds, TokenHolder } from './token-ends';

/** How long a client has for its part of the closing handshake, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 5000;

/** How much a client may still send once it is closed, before its close frame, in bytes: the rest is not read. */
export const CLOSE_ALLOWANCE_BYTES = 1_048_576;

/** Shared by all connections of a bridge. Each part of a connection is given the part that it uses. */
export interface ConnectionContext
  extends ReservationContext, SubscriptionContext, MessageContext, MessageTimeoutContext {
  /** By how the client is connected. */
  readonly heartbeats: Readonly<Record<Transport, Heartbeat>>;
  /** For what is due after a time. */
  readonly wheel: TimerWheel;
  readonly tokenEnds: TokenEnds;
  readonly shares: LoopShares;
  readonly scheduler: FlushScheduler;
  /** How many values a command may hold. */
  readonly maxCommandValues: number;
  /** A client that has not taken so many bytes yet is too slow. */
  readonly maxBufferBytes: number;
  /** The bytes that all clients together have not taken. */
  readonly unsentBudget: UnsentBudget;
  /** The bytes of messages that clients have begun and not finished. */
  readonly unfinishedBudget: UnsentBudget;
  /** Undefined when no route tells of its listeners. */
  readonly presence: Presence | undefined;
  /** Undefined when no route tells who else is there. */
  readonly peers: Peers | undefined;
  /** Undefined when no route has locks. */
  readonly locks: Locks | undefined;
  /** For users whose sockets the bridge cut. */
  readonly returns: Returns;
  /** A socket has to live so long for that, in milliseconds; 0 when there are no returns. */
  readonly returnAfterMs: number;
  /** The clock of durations, and of `wheel`, in milliseconds. */
  readonly monotonicMs: () => number;
}

/** One client: from its admission over its open socket to its end, when everything that it took is given back. */
export class Connection
  implements
    Pulse,
    SessionHolder,
    SocketOwner,
    SendQueuePolicy,
    BytesReader,
    MessageReader,
    MessageClient,
    TokenHolder
{
  readonly #admission: Admission;
  readonly #context: ConnectionContext;
  readonly #metrics: RouteMetrics;
  readonly #subscription: Subscription;
  readonly #reservation: Reservation;
  #socket: ClientSocket | undefined;
  #onClosed: ((connection: Connection, code: number) => void) | undefined;
  #sendQueue: SendQueue | undefined;
  #beat: Beat | undefined;
  /** The end of its token; once it is closing, of the client's time for that. */
  #deadline: Timer | undefined;
  #retirement: Timer | undefined;
  #listening: Listening | undefined;
  #peer: Peer | undefined;
  #locks: LockHolder | undefined;
  /** Made with the first bytes that the client sends, and let go when a pong is all that they were. */
  #messageTimeout: MessageTimeout | undefined;
  /** Made with the first thing that the client sends. */
  #messages: MessageHandler | undefined;
  /** Made when a message is not whole for the first time. */
  #unfinished: Unsent | undefined;
  /** Made with the first ping. */
  #pongs: Pongs | undefined;
  /** It is closed as soon as there is time for it: nothing comes in or goes out any more. */
  #isEnding = false;
  /** The bridge closed it with this. */
  #closedWith: CloseCode | undefined;
  #isRevoked = false;
  #isAtFault = false;
  /** Its user may come back in its place: one socket leaves one return. */
  #hasReturn = false;
  #isToReauthorize = false;
  /** When it was opened, of the clock of durations. */
  #openedMs = 0;
  /** The client sent so many after that. */
  #bytesSinceEnd = 0;

  /** @param senderId on a route that relays: 16 bytes that tell this client from every other, on any bridge */
  constructor(
    admission: Admission,
    context: ConnectionContext,
    metrics: RouteMetrics,
    senderId: Buffer | undefined,
  ) {
    this.#admission = admission;
    this.#context = context;
    this.#metrics = metrics;
    this.#subscription = chooseSubscription(admission, context, metrics, senderId, this);
    this.#reservation = new Reservation(admission, context, this.#subscription, this);
  }

  /** Whose it is. */
  get caller(): Caller {
    return this.#admission.caller;
  }

  get path(): string {
    return this.#admission.path;
  }

  /** Its route's name. */
  get routeName(): string {
    return this.#admission.route.name;
  }

  /** Whether it has, or had, a socket. */
  get hasSocket(): boolean {
    return this.#socket !== undefined;
  }

  /** How its client is connected; undefined before it is. */
  get transport(): Transport | undefined {
    return this.#socket?.transport;
  }

  get isOpen(): boolean {
    return !this.#isEnding && this.#socket?.readyState === WebSocket.OPEN;
  }

  get isPaused(): boolean {
    return this.#socket?.isPaused === true;
  }

  get isReadable(): boolean {
    return this.#bytesSinceEnd <= CLOSE_ALLOWANCE_BYTES;
  }

  get heardAtMs(): number | undefined {
    return this.#subscription.heardAtMs;
  }

  /** Whether its session turned out to be somebody else's. Such a one must not be opened any more. */
  get isEvicted(): boolean {
    return this.#reservation.isForfeited;
  }

  /** Takes what it needs of Redis, as {@link Reservation.establish} does. */
  establish(isVain: () => boolean): Promise<Refusal | undefined> {
    return this.#reservation.establish(isVain);
  }

  /**
   * Serves the socket until it closes.
   * @param stream to write its frames to
   */
  open(
    socket: ClientSocket,
    stream: FrameStream,
    onClosed: (connection: Connection, code: number) => void,
  ): void {
    this.#socket = socket;
    this.#onClosed = onClosed;
    this.#openedMs = this.#context.monotonicMs();
    socket.owner = this;
    this.#sendQueue = new SendQueue(socket, stream, this.#context.scheduler, this.#metrics, this);
    this.#metrics.opened(this.caller.identity.tenantId, socket.transport);
    this.#beat = this.#context.heartbeats[socket.transport].watch(this);
    this.#deadline = this.#context.tokenEnds.add(this.caller.tokenExp * 1000, this);
    const { topic } = this.#admission;
    if (topic !== undefined) this.#listening = this.#context.presence?.enter(topic);
    this.#subscription.start(this.#sendQueue);
    // With the answer to the upgrade: it costs no write of its own.
    this.#sendQueue.flush();
    this.#peer = this.#enterPeers();
    this.#locks = this.#enterLocks();
  }

  tokenNearsEnd(): void {
    // A client that renews its token opens its next connection before this one ends.
    if (mayRenew(this.#livedMs(), this.#context.returnAfterMs)) this.#grantReturn();
  }

  tokenEnded(): void {
    this.close(CLOSE_CODES.tokenExpired);
  }

  pinged(payload: Buffer): void {
    if (!this.#inbound().takePing(payload.length)) return;
    this.#pongs ??= new Pongs((data, onWritten) => this.#socket?.pong(data, onWritten));
    this.#pongs.answer(payload);
  }

  ponged(): void {
    if (this.#beat?.heard(this) === false) this.#inbound().takePong();
  }

  received(payload: Buffer, binary: boolean): void {
    // A client that is told to go may not act while it takes its time. One that hung up said this before.
    if (!this.#isEnding) void this.#inbound().take(payload, binary);
  }

  faulted(): void {
    // One that is told to go has its reason.
    if (!this.#isEnding) this.#isAtFault = true;
  }

  closed(code: number): void {
    const { transport } = this;
    if (transport !== undefined) this.#metrics.closed(this.caller.identity.tenantId, code, transport);
    const [closedWith, isRevoked, isAtFault] = [this.#closedWith, this.#isRevoked, this.#isAtFault];
    const end = { closedWith, code, isRevoked, isAtFault, livedMs: this.#livedMs() };
    if (mayReturn(end, this.#context.returnAfterMs)) this.#grantReturn();
    this.#locks?.leave(mayHaveLocksAgain(end));
    this.release();
    this.#sendQueue?.discard();
    this.#onClosed?.(this, code);
  }

  get owner(): Owner {
    return this.tenantId;
  }

  get maxBufferBytes(): number {
    return this.#context.maxBufferBytes;
  }

  get slowConsumer(): SlowConsumerPolicy {
    return this.#admission.route.slowConsumer;
  }

  openUnsent(): Unsent {
    return this.#context.unsentBudget.open(this.tenantId);
  }

  onTooSlow(): void {
    this.close(CLOSE_CODES.tooSlow);
  }

  get shares(): LoopShares {
    return this.#context.shares;
  }

  get tenantId(): string {
    return this.caller.identity.tenantId;
  }

  get frameBytesLeft(): number {
    return this.#isEnding ? 0 : (this.#messageTimeout?.frameBytesLeft ?? 0);
  }

  /** Bounds what the client sends, by the time that a message takes and, after its end, by its bytes. */
  read(bytes: Buffer): void {
    if (this.#isEnding) this.#readAfterEnd(bytes.length);
    else if (!this.#reservation.isReleased) this.#time(bytes);
  }

  /** A client of a tenant that has too much of it is cut when it goes on, as one is that takes too long. */
  keeps(bytes: number): void {
    if (this.#unfinished === undefined && bytes === 0) return;
    this.#unfinished ??= this.#context.unfinishedBudget.open(this.tenantId);
    this.#unfinished.set(bytes);
    const { over: bound } = this.#unfinished;
    if (bound === undefined || this.#isEnding) return;
    const { identity, requestId } = this.caller;
    const { tenantId: tenant, userId: user } = identity;
    this.#context.log.info(
      { route: this.routeName, tenant, user, requestId, bound },
      'cut: too much is unfinished',
    );
    this.reset();
  }

  /** Gives back everything that was taken. Can be called at any stage, more than once. */
  release(): void {
    this.#letGo();
    this.#reservation.release();
  }

  send(text: string): void {
    this.#sendQueue?.text(text);
  }

  echo(frame: Frame): void {
    this.#subscription.echo(frame);
  }

  takeLock(message: LockMessage): Promise<LockDenial | undefined> {
    return this.#locks?.take(message) ?? Promise.resolve('unconfirmed');
  }

  ping(): void {
    this.#socket?.ping();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  terminate(): void {
    this.#isEnding = true;
    this.#socket?.terminate();
  }

  reset(): void {
    this.#isEnding = true;
    this.#socket?.reset();
  }

  /**
   * Closes the socket with a code and its name as the reason. No message reaches it from now on, nor comes from it. The
   * close frame is sent when its tenant has a share of the loop's time.
   */
  close(closeCode: CloseCode): void {
    const socket = this.#socket;
    if (socket === undefined || this.#isEnding) return;
    this.#isEnding = true;
    // It hung up, and what it sent before may wait to be parsed.
    if (socket.readyState !== WebSocket.OPEN) return;
    const { code, name } = closeCode;
    this.#closedWith = closeCode;
    this.#sendQueue?.seal();
    this.#cutLater();
    this.#context.shares.once(this.caller.identity.tenantId, () => {
      if (socket.readyState === WebSocket.OPEN) socket.close(code, name);
    });
  }

  /** Closes with 1012 at `dueMs` of the clock of durations, in milliseconds, once what it sent is finished. */
  retireAt(dueMs: number): void {
    const retire = (): void => {
      this.close(CLOSE_CODES.serviceRestart);
    };
    this.#retirement = this.#context.wheel.add(dueMs, () => {
      if (this.#messages === undefined) retire();
      else this.#messages.finish(retire);
    });
  }

  /** A right of its user's was revoked: with 4401 the client comes back with a new token, if it gets one. */
  revoke(code: CloseCode): void {
    this.#isRevoked = true;
    // Its client may take its time to close.
    this.#locks?.leave(false);
    this.close(code);
  }

  /**
   * Its token ends at `dueMs` of the clock of durations, in milliseconds, unless it does so before. The first call counts: one who
   * is told so again and again would never go.
   */
  reauthorizeAt(dueMs: number): void {
    const { wheel, monotonicMs, now } = this.#context;
    if (!this.isOpen || this.#isToReauthorize) return;
    if (this.caller.tokenExp * 1000 - now() <= dueMs - monotonicMs()) return;
    this.#isToReauthorize = true;
    this.#deadline?.cancel();
    this.#deadline = wheel.add(dueMs, () => {
      this.close(CLOSE_CODES.tokenExpired);
    });
  }

  /** Ends the connection at once: not one more message may reach it. */
  evict(): void {
    this.#letGo();
    this.#reservation.forfeit();
    this.#sendQueue?.discard();
    // It may be closing already, and has no more time for that.
    if (this.#isEnding) this.#cutLater();
    else this.close(CLOSE_CODES.forbidden);
  }

  #enterPeers(): Peer | undefined {
    const { route, channels, caller, bridgeV1 } = this.#admission;
    const [channel] = channels;
    if (!route.peers || channel === undefined) return undefined;
    const told = (frame: string): void => {
      this.send(frame);
    };
    return this.#context.peers?.enter(channel, caller.identity.userId, bridgeV1 && told);
  }

  #enterLocks(): LockHolder | undefined {
    const { route, channels, caller, bridgeV1 } = this.#admission;
    const [channel] = channels;
    if (!route.locks || channel === undefined || bridgeV1 === undefined) return undefined;
    const { tenantId, userId } = caller.identity;
    return this.#context.locks?.enter({ tenantId, channel }, userId, this);
  }

  #livedMs(): number {
    return this.#context.monotonicMs() - this.#openedMs;
  }

  /** Lets its user come back without a charge, once. */
  #grantReturn(): void {
    const { identity, path } = this.caller;
    if (path === undefined || this.#hasReturn) return;
    this.#hasReturn = this.#context.returns.grant(identity.tenantId, identity.userId, path);
    if (this.#hasReturn) this.#metrics.returnGranted();
  }

  /** Cuts a client that takes longer for its part of the closing handshake. */
  #cutLater(): void {
    const { wheel, monotonicMs } = this.#context;
    this.#deadline?.cancel();
    this.#deadline = wheel.add(monotonicMs() + CLOSE_TIMEOUT_MS, () => {
      this.terminate();
    });
  }

  /** Lets go of what it has on this bridge. */
  #letGo(): void {
    this.#deadline?.cancel();
    this.#retirement?.cancel();
    this.#listening?.leave();
    this.#peer?.leave();
    this.#locks?.leave(false);
    this.#messageTimeout?.cancel();
    this.#unfinished?.set(0);
    this.#messages?.release();
    this.#beat?.unwatch(this);
  }

  /** Most clients send pongs and nothing else. */
  #time(bytes: Buffer): void {
    const messageTimeout = (this.#messageTimeout ??= new MessageTimeout(this.#context, this));
    messageTimeout.read(bytes);
    if (this.#messages === undefined && messageTimeout.isIdle) this.#messageTimeout = undefined;
  }

  /** A client that only goes on sending is not read from until its time for the closing handshake is over. */
  #readAfterEnd(bytes: number): void {
    this.#bytesSinceEnd += bytes;
    if (!this.isReadable || this.#messages?.isHeld === true) this.pause();
  }

  #inbound(): MessageHandler {
    return (this.#messages ??= new MessageHandler(
      this,
      this.#admission.route,
      senderOf(this.#admission, this.#subscription.senderId, this.#context.maxCommandValues),
      this.#context,
      this.#metrics,
      (this.#messageTimeout ??= new MessageTimeout(this.#context, this)),
    ));
  }
}

function senderOf(
  { route, caller, session = '', channels, bridgeV1, trace }: Admission,
  senderId: Buffer | undefined,
  maxCommandValues: number,
): Sender {
  const { tenantId, userId, roles } = caller.identity;
  return {
    messages: route.messages,
    isReader: caller.access === 'read',
    bridgeV1: bridgeV1 !== undefined,
    origin: { tenantId, userId, roles, session, requestId: caller.requestId, trace },
    channel: channels[0] ?? '',
    senderId,
    maxCommandValues,
  };
}
