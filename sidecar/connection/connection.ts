import { WebSocket } from 'ws';
import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';
import type { ClientSocket, FrameStream, SocketOwner } from '../fanout/client-socket';
import type { Frame } from '../fanout/frame';
import { SendQueue, type SendQueuePolicy } from '../fanout/send-queue';
import type { Unsent } from '../fanout/unsent-budget';
import type { Refusal } from '../http/refusal';
import type { LoopShares, Owner } from '../lib/loop-shares';
import type { LockDenial } from '../locks/lock-holder';
import type { LockMessage } from '../locks/lock-message';
import type { RouteMetrics } from '../metrics/metrics';
import type { Transport } from '../metrics/outcomes';
import type { SlowConsumerPolicy } from '../routes/route';
import type { SessionHolder } from '../sessions/sessions';
import type { BytesReader } from '../websocket/bridge-socket';
import type { Admission, Caller } from './admission';
import { chooseSubscription } from './choose-subscription';
import { Company } from './company';
import type { ConnectionContext } from './connection-context';
import { Ending } from './ending';
import type { Beat, Pulse } from './heartbeat';
import { Incoming, type IncomingClient } from './incoming';
import { mayHaveLocksAgain, mayRenew, mayReturn } from './may-return';
import type { OpenConnection } from './open-connections';
import { CHANNEL_NOT_ALLOWED, FOREIGN_SESSION, Reservation } from './reservation';
import type { Subscribed, Subscription } from './subscription';
import { Term, type TermHolder } from './term';

/** One client: from its admission over its open socket to its end, when everything that it took is given back. */
export class Connection
  implements
    Pulse,
    SessionHolder,
    Subscribed,
    SocketOwner,
    SendQueuePolicy,
    BytesReader,
    IncomingClient,
    TermHolder,
    OpenConnection
{
  readonly #admission: Admission;
  readonly #context: ConnectionContext;
  readonly #metrics: RouteMetrics;
  readonly #subscription: Subscription;
  readonly #reservation: Reservation;
  readonly #ending = new Ending();
  readonly #term: Term;
  #socket: ClientSocket | undefined;
  #onClosed: ((connection: Connection, code: number) => void) | undefined;
  #sendQueue: SendQueue | undefined;
  #beat: Beat | undefined;
  #company: Company | undefined;
  /** Made with the first bytes that the client sends, and let go when a pong is all that they were. */
  #incoming: Incoming | undefined;
  /** Its user may come back in its place: one socket leaves one return. */
  #hasReturn = false;
  /** When it was opened, of the clock of durations. */
  #openedMs = 0;

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
    this.#term = new Term(context, this, admission.caller.tokenExp);
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
    return !this.isEnding && this.#socket?.readyState === WebSocket.OPEN;
  }

  get isEnding(): boolean {
    return this.#ending.isBegun;
  }

  get isPaused(): boolean {
    return this.#socket?.isPaused === true;
  }

  get isUnread(): boolean {
    return this.#socket?.isUnread === true;
  }

  get unreadFromMs(): number | undefined {
    return this.#socket?.unreadFromMs;
  }

  get nowMs(): number {
    return this.#context.monotonicMs();
  }

  get isReadable(): boolean {
    return this.#ending.isReadable;
  }

  get heardAtMs(): number | undefined {
    return this.#subscription.heardAtMs;
  }

  get senderId(): Buffer | undefined {
    return this.#subscription.senderId;
  }

  /** Why it must not be opened any more, since it was established. */
  get forfeited(): Refusal | undefined {
    return this.#reservation.forfeited;
  }

  get owner(): Owner {
    return this.tenantId;
  }

  get tenantId(): string {
    return this.caller.identity.tenantId;
  }

  get shares(): LoopShares {
    return this.#context.shares;
  }

  get maxBufferBytes(): number {
    return this.#context.maxBufferBytes;
  }

  get slowConsumer(): SlowConsumerPolicy {
    return this.#admission.route.slowConsumer;
  }

  get frameBytesLeft(): number {
    return this.isEnding ? 0 : (this.#incoming?.frameBytesLeft ?? 0);
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
    this.#metrics.opened(this.tenantId, socket.transport);
    this.#beat = this.#context.heartbeats[socket.transport].watch(this);
    this.#term.begin();
    this.#subscription.start(this.#sendQueue);
    // With the answer to the upgrade: it costs no write of its own.
    this.#sendQueue.flush();
    this.#company = Company.of(this.#admission, this.#context, this);
  }

  tokenNearsEnd(): void {
    // A client that renews its token opens its next connection before this one ends.
    if (mayRenew(this.#livedMs(), this.#context.returnAfterMs)) this.#grantReturn();
  }

  tokenEnded(): void {
    this.close(CLOSE_CODES.tokenExpired);
  }

  /** Bounds what the client sends, by the time that a message takes and, after its end, by its bytes. */
  read(bytes: Buffer): void {
    if (this.isEnding) this.#readAfterEnd(bytes.length);
    else if (!this.#reservation.isReleased) {
      const incoming = this.#takesIn();
      incoming.read(bytes);
      if (incoming.isIdle) this.#incoming = undefined;
    }
  }

  keeps(bytes: number): void {
    if (this.#incoming !== undefined || bytes > 0) this.#takesIn().keeps(bytes);
  }

  received(payload: Buffer, binary: boolean): void {
    // A client that is told to go may not act while it takes its time. One that hung up said this before.
    if (!this.isEnding) this.#takesIn().received(payload, binary);
  }

  pinged(payload: Buffer): void {
    this.#takesIn().pinged(payload);
  }

  ponged(): void {
    if (this.#beat?.heard(this) === false) this.#takesIn().ponged();
  }

  faulted(code: number): void {
    this.#ending.faulted(code);
  }

  closed(code: number): void {
    const { transport } = this;
    // Its client was told of its fault, and answers nothing that is still read.
    const told = this.#ending.fault ?? code;
    if (transport !== undefined) this.#metrics.closed(this.tenantId, told, transport);
    const end = this.#ending.at(code, this.#livedMs());
    if (mayReturn(end, this.#context.returnAfterMs)) this.#grantReturn();
    this.#company?.freeLocks(mayHaveLocksAgain(end));
    this.release();
    this.#sendQueue?.discard();
    this.#onClosed?.(this, code);
  }

  openUnsent(): Unsent {
    return this.#context.unsentBudget.open(this.tenantId);
  }

  onTooSlow(): void {
    this.close(CLOSE_CODES.tooSlow);
  }

  send(text: string): void {
    this.#sendQueue?.text(text);
  }

  echo(frame: Frame): void {
    this.#subscription.echo(frame);
  }

  takeLock(message: LockMessage): Promise<LockDenial | undefined> {
    return this.#company?.takeLock(message) ?? Promise.resolve('unconfirmed');
  }

  ping(): void {
    this.#socket?.ping();
  }

  pong(payload: Buffer, onWritten: () => void): void {
    this.#socket?.pong(payload, onWritten);
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** One whose tenant had no share of the loop's time for its close frame is told now, and has its time from now on. */
  closeTimedOut(): void {
    if (this.#tellClose()) this.#term.cutLater();
    else this.terminate();
  }

  /** Cuts the connection. Its close frame goes out before, where one waits. */
  terminate(): void {
    this.#tellClose();
    this.#ending.begin();
    this.#socket?.terminate();
  }

  reset(): void {
    this.#ending.begin();
    this.#socket?.reset();
  }

  /**
   * Closes the socket with a code and its name as the reason. No message reaches it from now on, nor comes from it. The
   * close frame is sent when its tenant has a share of the loop's time.
   */
  close(closeCode: CloseCode): void {
    const socket = this.#socket;
    if (socket === undefined || this.isEnding) return;
    this.#ending.begin();
    // It hung up, and what it sent before may wait to be parsed.
    if (socket.readyState !== WebSocket.OPEN) return;
    this.#ending.closes(closeCode);
    this.#sendQueue?.seal();
    this.#term.cutLater();
    this.#context.shares.once(this.tenantId, () => {
      this.#tellClose();
    });
  }

  /** Closes with 1012 at `dueMs` of the clock of durations, in milliseconds, once what it sent is finished. */
  retireAt(dueMs: number): void {
    this.#term.retireAt(dueMs);
  }

  retire(): void {
    const retire = (): void => {
      this.close(CLOSE_CODES.serviceRestart);
    };
    if (this.#incoming === undefined) retire();
    else this.#incoming.finish(retire);
  }

  /** A right of its user's was revoked: with 4401 the client comes back with a new token, if it gets one. */
  revoke(code: CloseCode): void {
    this.#ending.revoked();
    // Its client may take its time to close.
    this.#company?.freeLocks(false);
    this.close(code);
  }

  reauthorizeAt(dueMs: number): void {
    if (this.isOpen) this.#term.reauthorizeAt(dueMs);
  }

  evict(): void {
    this.#forfeit(FOREIGN_SESSION);
  }

  channelRefused(): void {
    this.#forfeit(CHANNEL_NOT_ALLOWED);
  }

  /** Ends the connection at once: not one more message may reach it. */
  #forfeit(reason: Refusal): void {
    this.#letGo();
    this.#reservation.forfeit(reason);
    this.#sendQueue?.discard();
    // It may be closing already, and has no more time for that.
    if (this.isEnding) this.#term.cutLater();
    else this.close(CLOSE_CODES.forbidden);
  }

  /** Gives back everything that was taken. Can be called at any stage, more than once. */
  release(): void {
    this.#letGo();
    this.#reservation.release();
  }

  /** Sends the close frame of one that is to close. @returns whether it was not sent before */
  #tellClose(): boolean {
    const [socket, closedWith] = [this.#socket, this.#ending.closedWith];
    if (closedWith === undefined || socket?.readyState !== WebSocket.OPEN) return false;
    socket.close(closedWith.code, closedWith.name);
    return true;
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

  /** Lets go of what it has on this bridge. */
  #letGo(): void {
    this.#term.cancel();
    this.#company?.leave();
    this.#incoming?.release();
    this.#beat?.unwatch(this);
  }

  /** A client that only goes on sending is not read from until its time for the closing handshake is over. */
  #readAfterEnd(bytes: number): void {
    this.#ending.read(bytes);
    if (!this.isReadable || this.#incoming?.isHeld === true) this.pause();
  }

  #takesIn(): Incoming {
    return (this.#incoming ??= new Incoming(this, this.#admission, this.#context, this.#metrics));
  }
}
