import type { Logger } from 'pino';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';
import type { Assertion } from '../../protocol/assertion';
import { FRAME_OVERHEAD_BYTES, type ByteAccount, type ByteOwners } from '../quotas/byte-owners';
import type { ConnectionQuota } from '../quotas/connection-quota';
import type { BridgeSocket, SocketOwner } from '../fanout/bridge-socket';
import type { Receiver } from '../fanout/deliver';
import { LiveSubscription, type Subscription } from './subscription';
import { frameOf } from '../fanout/frame';
import type { Handover } from '../resume/handover/handover';
import type { Heartbeat, Pulse } from './heartbeat';
import { receive, refuse, type MessageSink, type Sender, answerText, type Answer } from '../inbound/receive';
import type { RouteMetrics } from '../metrics/metrics';
import { SendQueue } from '../fanout/send-queue';
import type { LoopShares } from '../lib/loop-shares';
import { MessageAllowance } from '../inbound/message-allowance';
import { MessageTimeout } from '../inbound/message-timeout';
import { RateLimiter, type MessageRate, type MessageVerdict } from '../inbound/rate-limiter';
import { Pongs } from './pongs';
import { forbidden, tooManyConnections, type Refusal } from '../http/refusal';
import type { SessionHolder, Sessions } from '../sessions/sessions';
import { ResumableSubscription } from './resumable-subscription';
import type { ReplayLogs } from '../resume/replay-logs';
import type { Permit } from '../quotas/tenant-quota';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import type { TokenEnds } from './token-ends';
import type { FlushScheduler } from '../fanout/flush-scheduler';
import type { UnsentBudget } from '../fanout/unsent-budget';
import type { TraceContext } from '../../protocol/trace-context';
import type { ResumePoint } from '../resume/resume-point';
import type { Route } from '../routes/route';
import type { RefusedBytes } from '../metrics/outcomes';
import type { ChannelRegistry } from '../pubsub/channel-registry';

/** An upgrade that may go on to Redis. */
export interface Admission {
  readonly route: Route;
  readonly caller: Assertion;
  /** Undefined on a route without sessions. */
  readonly session: string | undefined;
  /** The bridge made its id for this upgrade: it has no owner yet. */
  readonly isNewSession: boolean;
  readonly channels: readonly string[];
  /** Undefined for a plain client. */
  readonly bridgeV1: BridgeV1Request | undefined;
  /** Of the upgrade, when its `traceparent` is valid. */
  readonly trace: TraceContext | undefined;
}

/** What a client asks for that speaks `bridge.v1` (PROTOCOL.md §5). */
export interface BridgeV1Request {
  readonly point: ResumePoint | undefined;
}

/** How long a client has for its part of the closing handshake, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 5000;

/** How much a client may still send once it is closed, before its close frame, in bytes: the rest is not read. */
export const CLOSE_ALLOWANCE_BYTES = 1_048_576;

/** Why a connection is refused whose session somebody else has. */
export const FOREIGN_SESSION = forbidden("the session is somebody else's");

/** Why a message is not taken, and whether its sender is to be closed. */
interface Overrun {
  readonly over: RefusedBytes;
  readonly isFlood: boolean;
}

/** What all connections of a bridge share. */
export interface ConnectionContext {
  readonly subscriptions: ChannelRegistry<Receiver>;
  readonly replayLogs: ReplayLogs;
  readonly handover: Handover;
  readonly sessions: Sessions;
  readonly quota: ConnectionQuota;
  readonly heartbeat: Heartbeat;
  /** For what is due after a time. */
  readonly wheel: TimerWheel;
  readonly tokenEnds: TokenEnds;
  readonly shares: LoopShares;
  readonly scheduler: FlushScheduler;
  readonly sink: MessageSink;
  /** How many messages a socket may send. */
  readonly messageRate: MessageRate;
  /** How many bytes users and tenants have sent, by what they are for. */
  readonly byteOwners: Readonly<Record<'commands' | 'relay', ByteOwners>>;
  /** How many values a command may hold. */
  readonly maxCommandValues: number;
  /** How long a client may take to finish a message, in milliseconds. */
  readonly messageTimeoutMs: number;
  /** A socket with so many messages on their way to Redis is not read from. */
  readonly maxPendingMessages: number;
  /** Of what a client has not taken yet; past that it is too slow. */
  readonly maxBufferBytes: number;
  /** And of what all clients have not taken. */
  readonly unsentBudget: UnsentBudget;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The clock of durations, and of `wheel`, in milliseconds. */
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/**
 * One client: from its admission, when it takes what it needs of Redis, over its open socket, to its end, when
 * everything that it took is given back.
 */
export class Connection implements Pulse, SessionHolder, SocketOwner {
  readonly #admission: Admission;
  readonly #context: ConnectionContext;
  readonly #metrics: RouteMetrics;
  readonly #subscription: Subscription;
  readonly #rateLimiter: RateLimiter;
  #permit: Permit | undefined;
  #socket: BridgeSocket | undefined;
  #onClosed: ((connection: Connection, code: number) => void) | undefined;
  #sendQueue: SendQueue | undefined;
  /** The end of its token; once it is closing, of the client's time for that. */
  #deadline: Timer | undefined;
  #retirement: Timer | undefined;
  #messageDeadline: MessageTimeout | undefined;
  #retiring = false;
  /** It is closed as soon as there is time for it: nothing comes in or goes out any more. */
  #isEnding = false;
  /** What came since. */
  #bytesSinceEnd = 0;
  /** Made with the first message. */
  #sender: Sender | undefined;
  #allowance: MessageAllowance | undefined;
  #account: ByteAccount | undefined;
  /** Made with the first ping. */
  #pongs: Pongs | undefined;
  #pendingMessages = 0;
  #released = false;
  #evicted = false;

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
    this.#subscription = subscriptionOf(admission, context, metrics, senderId, () => {
      this.evict();
    });
    this.#rateLimiter = new RateLimiter(context.messageRate);
  }

  /** Whose it is. */
  get caller(): Assertion {
    return this.#admission.caller;
  }

  /** Whether it has a socket. */
  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Whether it is not read from at the moment. */
  get isPaused(): boolean {
    return this.#socket?.isPaused === true;
  }

  /** Whether its session turned out to be somebody else's. Such a one must not be opened any more. */
  get isEvicted(): boolean {
    return this.#evicted;
  }

  /**
   * Takes a permit of the quota and subscribes to the channels, after which nothing published is missed. The session is claimed
   * last, because a claim outlives the connection: one that is refused leaves none.
   * @param isVain whether it is to be refused by now, whatever Redis says
   * @returns why it may not, or undefined
   * @throws when Redis is unreachable, and TooManyChannelsError
   */
  async establish(isVain: () => boolean): Promise<Refusal | undefined> {
    const [refusal, foreign] = await Promise.all([this.#takePlace(), this.#hasForeignSession()]);
    if (refusal !== undefined) return refusal;
    if (foreign) return FOREIGN_SESSION;
    if (this.#released) return undefined;
    await this.#subscription.join();
    if (this.#evicted) return FOREIGN_SESSION;
    return this.#isOver() || isVain() ? undefined : this.#claimSession();
  }

  /**
   * Serves the socket until it closes.
   * @param stream what the socket is made on
   */
  open(socket: BridgeSocket, stream: Duplex, onClosed: (connection: Connection, code: number) => void): void {
    this.#socket = socket;
    this.#onClosed = onClosed;
    socket.owner = this;
    const { scheduler, maxBufferBytes, unsentBudget } = this.#context;
    const { tenantId } = this.caller.identity;
    this.#sendQueue = new SendQueue(socket, stream, scheduler, this.#metrics, {
      owner: tenantId,
      maxBufferBytes,
      openUnsent: () => unsentBudget.open(tenantId),
      slowConsumer: this.#admission.route.slowConsumer,
      onTooSlow: () => {
        this.close(CLOSE_CODES.tooSlow);
      },
    });
    this.#metrics.opened(this.caller.identity.tenantId);
    this.#context.heartbeat.watch(this);
    this.#deadline = this.#context.tokenEnds.add(this.caller.tokenExp * 1000, () => {
      this.expire();
    });
    this.#boundMessages(stream);
    this.#subscription.start(this.#sendQueue);
  }

  pinged(payload: Buffer): void {
    this.#allowance ??= this.#allowanceOf();
    const refusal = this.#allowance.take(payload.length, this.#context.monotonicMs());
    if (refusal?.isFlood === true) this.#closeFlooder(refusal.over);
    if (refusal !== undefined) return;
    this.#pongs ??= new Pongs((data, onWritten) => this.#socket?.pong(data, false, onWritten));
    this.#pongs.answer(payload);
  }

  ponged(): void {
    if (this.#context.heartbeat.heard(this)) return;
    // Nobody asked for it.
    this.#admits(this.#rateLimiter.take(this.#context.monotonicMs()));
  }

  received(payload: Buffer, binary: boolean): void {
    // A client that is told to go may not act while it takes its time.
    if (this.#isEnding || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#sender ??= this.#beginToSend();
    void this.#take(payload, binary, this.#sender);
  }

  closed(code: number): void {
    this.#metrics.closed(this.caller.identity.tenantId, code);
    this.release();
    this.#sendQueue?.discard();
    this.#onClosed?.(this, code);
  }

  /** Gives back everything that was taken. Can be called at any stage, more than once. */
  release(): void {
    this.#released = true;
    this.#deadline?.cancel();
    this.#retirement?.cancel();
    this.#messageDeadline?.cancel();
    this.#account?.leave();
    this.#account = undefined;
    const { sessions, heartbeat } = this.#context;
    const { session } = this.#admission;
    heartbeat.unwatch(this);
    this.#permit?.release();
    if (session !== undefined) sessions.release(session, this);
    this.#subscription.leave();
  }

  ping(): void {
    this.#socket?.ping();
  }

  terminate(): void {
    this.#socket?.terminate();
  }

  reset(): void {
    this.#socket?.reset();
  }

  /**
   * Closes the socket with a code and its name as the reason: no message reaches it from now on, nor comes from it, and the close
   * frame is sent when its tenant has a share of the loop's time.
   */
  close({ code, name }: CloseCode): void {
    if (this.#isEnding || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#isEnding = true;
    this.#sendQueue?.seal();
    const { wheel, monotonicMs, shares } = this.#context;
    this.#deadline?.cancel();
    this.#deadline = wheel.add(monotonicMs() + CLOSE_TIMEOUT_MS, () => {
      this.terminate();
    });
    shares.once(this.caller.identity.tenantId, () => {
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.close(code, name);
    });
  }

  /** Closes with 1012 at `dueMs` of the clock of durations, in milliseconds, once what it sent is finished. */
  retireAt(dueMs: number): void {
    this.#retirement = this.#context.wheel.add(dueMs, () => {
      this.#retiring = true;
      if (this.#pendingMessages === 0) this.close(CLOSE_CODES.serviceRestart);
      else this.#socket?.pause();
    });
  }

  /** Its token has ended: the client comes back with a new one. */
  expire(): void {
    this.close(CLOSE_CODES.tokenExpired);
  }

  /** Ends the connection at once: not one more message may reach it. */
  evict(): void {
    this.#evicted = true;
    this.release();
    this.#subscription.forget();
    this.#sendQueue?.discard();
    this.close(CLOSE_CODES.forbidden);
  }

  /** Resets the connection when its client does not finish a message. */
  #boundMessages(stream: Duplex): void {
    const timeout = new MessageTimeout(this.#context, this);
    this.#messageDeadline = timeout;
    stream.on('data', (chunk: Buffer) => {
      if (this.#isEnding) this.#readAfterEnd(chunk.length);
      else if (!this.#released) timeout.read(chunk);
    });
  }

  /** A client that only goes on sending is not read from until its time for the closing handshake is over. */
  #readAfterEnd(bytes: number): void {
    this.#bytesSinceEnd += bytes;
    if (this.#isHeld()) this.#socket?.pause();
  }

  async #takePlace(): Promise<Refusal | undefined> {
    const { tenantId, userId } = this.caller.identity;
    const permit = await this.#context.quota.acquire(tenantId, userId);
    if (typeof permit === 'string') return tooManyConnections(permit);
    this.#permit = permit;
    if (this.#released) permit.release();
    return undefined;
  }

  /** Whether it was let go of while something was waited for. */
  #isOver(): boolean {
    return this.#released;
  }

  /** An id that this bridge has just made is nobody's, and Redis is not asked. */
  async #hasForeignSession(): Promise<boolean> {
    const { session, isNewSession } = this.#admission;
    if (isNewSession) return false;
    const { tenantId, userId } = this.caller.identity;
    return session !== undefined && this.#context.sessions.isForeign(session, tenantId, userId);
  }

  async #claimSession(): Promise<Refusal | undefined> {
    const { sessions } = this.#context;
    const { session } = this.#admission;
    if (session === undefined) return undefined;
    const { tenantId, userId } = this.caller.identity;
    if (!(await sessions.claim(session, tenantId, userId))) {
      this.#subscription.forget();
      return FOREIGN_SESSION;
    }
    if (!this.#released) sessions.hold(session, tenantId, userId, this);
    return this.#evicted ? FOREIGN_SESSION : undefined;
  }

  /** Closes the socket when its client floods it. @returns whether it goes on */
  #admits(verdict: MessageVerdict): boolean {
    if (verdict !== 'flood') return true;
    this.#closeFlooder('message_rate');
    return false;
  }

  /** Closes the socket of a client that goes on, and says whose it was: the metrics of what is refused do not. */
  #closeFlooder(over: RefusedBytes): void {
    if (this.#isEnding || this.#socket?.readyState !== WebSocket.OPEN) return;
    const { route, caller } = this.#admission;
    const { tenantId: tenant, userId: user } = caller.identity;
    this.#context.log.info(
      { route: route.name, tenant, user, requestId: caller.requestId, over },
      'closed for flooding',
    );
    this.close(CLOSE_CODES.tooManyMessages);
  }

  async #take(payload: Buffer, binary: boolean, sender: Sender): Promise<void> {
    const { sink, now, monotonicMs, log } = this.#context;
    this.#metrics.traffic.messagesReceived += 1;
    this.#metrics.traffic.bytesReceived += payload.length;
    const frames = this.#messageDeadline?.takeContinuations() ?? 0;
    const refusal = this.#judge(payload.length + frames * FRAME_OVERHEAD_BYTES, monotonicMs());
    if (refusal !== undefined) {
      this.#refuse(payload.length, refusal, () => refuse(payload, binary, sender, refusal.over));
      return;
    }
    const answered = receive(payload, binary, sender, sink, now());
    this.#countPending(1);
    try {
      const answer = await answered;
      if (isOverShare(answer)) this.#refuse(payload.length, this.#overShare(payload.length), () => answer);
      else if (answer !== undefined) this.#answer(answer);
      else if (sender.messages === 'relay') this.#echoWhenQuiet(payload, binary);
    } catch (error) {
      log.error({ err: error }, 'message failed');
      this.close(CLOSE_CODES.internalError);
    } finally {
      this.#countPending(-1);
    }
  }

  /** Pings on a route that takes no messages count as commands do. */
  #allowanceOf(): MessageAllowance {
    const { byteOwners } = this.#context;
    const owners = byteOwners[this.#admission.route.messages === 'relay' ? 'relay' : 'commands'];
    const { tenantId, userId } = this.caller.identity;
    this.#account = owners.join(tenantId, userId);
    return new MessageAllowance(this.#rateLimiter, owners.rates.socket, this.#account);
  }

  #beginToSend(): Sender {
    if (this.#admission.route.messages !== 'refuse') this.#allowance ??= this.#allowanceOf();
    return senderOf(this.#admission, this.#subscription.senderId, this.#context.maxCommandValues);
  }

  /** @returns why a message is not even looked at, if it is not */
  #judge(bytes: number, nowMs: number): Overrun | undefined {
    if (this.#admission.route.messages !== 'refuse') return this.#allowance?.take(bytes, nowMs);
    return { over: 'read_only', isFlood: this.#rateLimiter.refuse(nowMs) === 'flood' };
  }

  /** Over its tenant's share of the command stream a client floods as it would over its own rate. */
  #overShare(bytes: number): Overrun {
    const nowMs = this.#context.monotonicMs();
    return { over: 'over_share', isFlood: this.#allowance?.refuse(bytes, nowMs) === true };
  }

  #refuse(bytes: number, { over, isFlood }: Overrun, answer: () => Answer): void {
    this.#metrics.bytesRefused(over, bytes);
    if (isFlood) this.#closeFlooder(over);
    else this.#answer(answer());
  }

  /** A client that was sent nothing for its route's time gets its own message back, as a sign of life (PROTOCOL.md §3). */
  #echoWhenQuiet(payload: Buffer, binary: boolean): void {
    const { echoAfterMs } = this.#admission.route;
    const { heardAtMs } = this.#subscription;
    if (echoAfterMs === 0 || heardAtMs === undefined) return;
    if (this.#context.wheel.nowMs - heardAtMs >= echoAfterMs)
      this.#subscription.echo(frameOf(payload, binary));
  }

  #answer(answer: Answer): void {
    if (answer.kind === 'refused') this.#metrics.messageRefused(answer.code);
    const text = answerText(answer, this.#admission.bridgeV1 !== undefined);
    if (text !== undefined) this.#sendQueue?.text(text);
  }

  /** Whether nothing more is read before what is on its way has arrived. */
  #isHeld(): boolean {
    const { maxPendingMessages, sink } = this.#context;
    if (this.#bytesSinceEnd > CLOSE_ALLOWANCE_BYTES) return true;
    if (this.#pendingMessages === 0) return false;
    if (this.#pendingMessages >= maxPendingMessages) return true;
    return this.#sender?.messages === 'relay' && sink.holds(this.caller.identity.tenantId);
  }

  #countPending(change: 1 | -1): void {
    this.#pendingMessages += change;
    if (this.#retiring) {
      if (this.#pendingMessages > 0) return;
      this.#socket?.resume();
      this.close(CLOSE_CODES.serviceRestart);
      return;
    }
    if (this.#isHeld()) this.#socket?.pause();
    else if (this.#socket?.isPaused === true) {
      this.#socket.resume();
      this.#messageDeadline?.restart();
    }
  }
}

function isOverShare(answer: Answer | undefined): answer is Answer & { readonly kind: 'refused' } {
  return answer?.kind === 'refused' && answer.code === 'TOO_MANY_MESSAGES';
}

function subscriptionOf(
  { caller, session, channels, bridgeV1 }: Admission,
  { subscriptions, replayLogs, handover, wheel }: ConnectionContext,
  metrics: RouteMetrics,
  senderId: Buffer | undefined,
  onRefused: () => void,
): Subscription {
  if (bridgeV1 === undefined) {
    return new LiveSubscription(subscriptions, channels, senderId, wheel, onRefused);
  }
  const { tenantId, userId } = caller.identity;
  const owner = JSON.stringify([tenantId, userId, ...channels]);
  const request = {
    identity: { tenant: tenantId, owner, channels, senderId },
    point: bridgeV1.point,
    session,
    onRefused,
  };
  return new ResumableSubscription(replayLogs, handover, request, metrics);
}

function senderOf(
  { route, caller, session = '', channels, bridgeV1, trace }: Admission,
  senderId: Buffer | undefined,
  maxCommandValues: number,
): Sender {
  const { tenantId, userId, roles } = caller.identity;
  return {
    messages: route.messages,
    bridgeV1: bridgeV1 !== undefined,
    origin: { tenantId, userId, roles, session, requestId: caller.requestId, trace },
    channel: channels[0] ?? '',
    senderId,
    maxCommandValues,
  };
}
