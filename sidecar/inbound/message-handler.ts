import type { Logger } from 'pino';
import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';
import { PONG_FRAME } from '../../protocol/frames';
import { frameOf, type Frame } from '../fanout/frame';
import type { TimerWheel } from '../lib/timer-wheel';
import type { LockDenial } from '../locks/lock-holder';
import { isLockMessage, readLockMessage, type LockMessage } from '../locks/lock-message';
import type { RouteMetrics } from '../metrics/metrics';
import type { RefusedBytes } from '../metrics/outcomes';
import { FRAME_OVERHEAD_BYTES, type ByteAccount, type ByteOwners } from '../quotas/byte-owners';
import type { Route } from '../routes/route';
import { deniedLock, invalidLock } from './lock-answer';
import { MessageAllowance } from './message-allowance';
import type { MessageTimeout } from './message-timeout';
import { RateLimiter, type MessageRate } from './rate-limiter';
import { isSyncStep1 } from './sync-step';
import {
  answerText,
  isPing,
  readOnly,
  receive,
  refuse,
  tooMany,
  type Answer,
  type MessageSink,
  type Sender,
} from './receive';

/** A client as its messages see it. */
export interface MessageClient {
  /** Whether it may act: its socket is open, and it was not told to go. */
  readonly isOpen: boolean;
  /** Whether it is not read from at the moment. */
  readonly isPaused: boolean;
  /** When the earliest may have come of what is read now, by the clock of durations, in milliseconds; undefined for now. */
  readonly unreadFromMs: number | undefined;
  /** Whether it may be read from: not any more once it only goes on sending after it was told to go. */
  readonly isReadable: boolean;
  /** When it was last sent a frame, by the wheel's clock, in milliseconds; undefined when it needs no echo. */
  readonly heardAtMs: number | undefined;
  /** Sends a text message. */
  send(text: string): void;
  /** Hands it a frame that it sent itself. */
  echo(frame: Frame): void;
  /** Locks a name of its document, or frees it, and tells it so. @returns why not, when it did not */
  takeLock(message: LockMessage): Promise<LockDenial | undefined>;
  close(code: CloseCode): void;
  pause(): void;
  resume(): void;
}

/** Shared by all message handlers of a bridge. */
export interface MessageContext {
  readonly sink: MessageSink;
  /** How many messages a socket may send. */
  readonly messageRate: MessageRate;
  /** How many bytes users and tenants have sent, by what they are for. */
  readonly byteOwners: Readonly<Record<'commands' | 'relay', ByteOwners>>;
  /** A socket with so many messages on their way to Redis is not read from. */
  readonly maxPendingMessages: number;
  /** The longest name of a lock. */
  readonly maxLockNameBytes: number;
  /** Its time is that of {@link MessageClient.heardAtMs}. */
  readonly wheel: Pick<TimerWheel, 'nowMs'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The clock of durations, in milliseconds. */
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** The counters of a message handler. */
export type MessageMetrics = Pick<RouteMetrics, 'traffic' | 'messageRefused' | 'bytesRefused'>;

/** Where a client is in the message that it sends. */
export type MessageFrames = Pick<MessageTimeout, 'takeContinuations' | 'restart'>;

/** How often a reader may ask: each peer answers to all, and the answers are charged to the peers. */
const QUESTION_RATE: MessageRate = { perSecond: 1, burst: 10 };

/** Why a message is not taken, and whether its sender is to be closed. */
interface Overrun {
  readonly over: RefusedBytes;
  readonly isFlood: boolean;
}

/**
 * Judges the messages of one client, sends them on to Redis and answers them. A client with too much on its way is not read
 * from. A client that goes on with messages that are refused is closed.
 */
export class MessageHandler {
  readonly #client: MessageClient;
  readonly #route: Route;
  readonly #sender: Sender;
  readonly #context: MessageContext;
  readonly #metrics: MessageMetrics;
  readonly #frames: MessageFrames;
  readonly #rateLimiter: RateLimiter;
  /** Made with the first message that a rate is asked about. */
  #allowance: MessageAllowance | undefined;
  #account: ByteAccount | undefined;
  /** Made with the first message about a lock: it costs what a command costs, on every route. */
  #lockAllowance: MessageAllowance | undefined;
  #lockAccount: ByteAccount | undefined;
  /** Made with a reader's first question. */
  #questions: RateLimiter | undefined;
  #pending = 0;
  #onFinished: (() => void) | undefined;

  constructor(
    client: MessageClient,
    route: Route,
    sender: Sender,
    context: MessageContext,
    metrics: MessageMetrics,
    frames: MessageFrames,
  ) {
    this.#client = client;
    this.#route = route;
    this.#sender = sender;
    this.#context = context;
    this.#metrics = metrics;
    this.#frames = frames;
    this.#rateLimiter = new RateLimiter(context.messageRate);
  }

  /** Takes a message. It is on its way to Redis, when it leads there, before this returns. */
  async take(payload: Buffer, binary: boolean): Promise<void> {
    const { sink, now } = this.#context;
    this.#metrics.traffic.messagesReceived += 1;
    this.#metrics.traffic.bytesReceived += payload.length;
    const bytes = payload.length + this.#frames.takeContinuations() * FRAME_OVERHEAD_BYTES;
    if (isPing(payload, binary)) {
      this.#pong(payload.length, bytes);
      return;
    }
    if (this.#route.locks && this.#sender.bridgeV1 && isLockMessage(payload, binary)) {
      await this.#takeLock(payload, bytes);
      return;
    }
    const overrun = this.#judge(bytes);
    if (overrun !== undefined) {
      this.#refuse(payload.length, overrun, () => refuse(payload, binary, this.#sender, overrun.over));
      return;
    }
    if (this.#sender.isReader && !this.#mayAsk(payload, binary)) {
      this.#refuseReader(payload, binary);
      return;
    }
    const received = this.#released(receive(payload, binary, this.#sender, sink, now()));
    await this.#whilePending(received, (answer) => {
      if (isOverShare(answer)) this.#refuse(payload.length, this.#overShare(payload.length), () => answer);
      else if (answer !== undefined) this.#answer(answer);
      else if (this.#sender.messages === 'relay') this.#echoWhenQuiet(payload, binary);
    });
  }

  /** Once its message is on its way to its peers, a client sends more when its tenant is not held. */
  async #released(received: Promise<Answer | undefined>): Promise<Answer | undefined> {
    const answer = await received;
    const { messages, origin } = this.#sender;
    if (answer === undefined && messages === 'relay') await this.#context.sink.released(origin.tenantId);
    return answer;
  }

  /** Takes a message about a lock. */
  async #takeLock(payload: Buffer, bytes: number): Promise<void> {
    const overrun = this.#charge(this.#allowedLocks(), bytes);
    const message = readLockMessage(payload, this.#context.maxLockNameBytes);
    if (overrun !== undefined) {
      this.#refuse(payload.length, overrun, () => ({ ...tooMany(overrun.over), name: message.name }));
    } else if (this.#sender.isReader) {
      this.#metrics.bytesRefused('read_only', payload.length);
      this.#answer({ ...readOnly(payload, false, this.#sender), name: message.name });
    } else if ('fault' in message) this.#answer(invalidLock(message));
    else {
      await this.#whilePending(this.#client.takeLock(message), (denial) => {
        if (denial !== undefined) this.#answer(deniedLock(message.name, denial));
      });
    }
  }

  /** Counts a message as on its way until it is answered. */
  async #whilePending<T>(answered: Promise<T>, answer: (answer: T) => void): Promise<void> {
    this.#countPending(1);
    try {
      answer(await answered);
    } catch (error) {
      this.#context.log.error({ err: error }, 'message failed');
      this.#client.close(CLOSE_CODES.internalError);
    } finally {
      this.#countPending(-1);
    }
  }

  /** Answers a client that cannot see WebSocket pings. It counts as a message, and on every route as one that is taken. */
  #pong(length: number, bytes: number): void {
    const overrun = this.#charge(this.#allowed(), bytes);
    if (overrun === undefined) this.#client.send(PONG_FRAME);
    else this.#refuse(length, overrun, () => tooMany(overrun.over));
  }

  /** Counts a ping as a message of so many bytes. @returns whether it is to be answered */
  takePing(bytes: number): boolean {
    const overrun = this.#charge(this.#allowed(), bytes);
    if (overrun?.isFlood === true) this.#closeFlooder(overrun.over);
    return overrun === undefined;
  }

  /** Counts a pong that nobody asked for. */
  takePong(): void {
    const nowMs = this.#context.monotonicMs();
    if (this.#rateLimiter.take(nowMs, this.#client.unreadFromMs) === 'flood')
      this.#closeFlooder('message_rate');
  }

  /** Whether nothing more is read before what is on its way has arrived. */
  get isHeld(): boolean {
    const { maxPendingMessages, sink } = this.#context;
    if (this.#pending === 0) return false;
    if (this.#pending >= maxPendingMessages) return true;
    return this.#sender.messages === 'relay' && sink.holds(this.#sender.origin.tenantId);
  }

  /** Reads no more, and calls back once everything has arrived. */
  finish(onFinished: () => void): void {
    this.#onFinished = onFinished;
    if (this.#pending === 0) onFinished();
    else this.#client.pause();
  }

  /** Gives back its part of what its user and its tenant share. Can be called more than once. */
  release(): void {
    this.#account?.leave();
    this.#lockAccount?.leave();
    this.#account = this.#lockAccount = undefined;
  }

  /** @returns why a message is not even looked at, if it is not */
  #judge(bytes: number): Overrun | undefined {
    if (this.#route.messages !== 'refuse') return this.#charge(this.#allowed(), bytes);
    return { over: 'read_only', isFlood: this.#rateLimiter.refuse(this.#context.monotonicMs()) === 'flood' };
  }

  /** A message that was not read at once counts as if it had come as early as it may have. */
  #charge(allowance: MessageAllowance, bytes: number): Overrun | undefined {
    return allowance.take(bytes, this.#context.monotonicMs(), this.#client.unreadFromMs);
  }

  /** Pings on a route that takes no messages count as commands do. */
  #allowed(): MessageAllowance {
    if (this.#allowance !== undefined) return this.#allowance;
    const owners = this.#context.byteOwners[this.#route.messages === 'relay' ? 'relay' : 'commands'];
    const { tenantId, userId } = this.#sender.origin;
    this.#account = owners.join(tenantId, userId);
    this.#allowance = new MessageAllowance(this.#rateLimiter, owners.rates.socket, this.#account);
    return this.#allowance;
  }

  #allowedLocks(): MessageAllowance {
    if (this.#lockAllowance !== undefined) return this.#lockAllowance;
    const { commands } = this.#context.byteOwners;
    const { tenantId, userId } = this.#sender.origin;
    this.#lockAccount = commands.join(tenantId, userId);
    return (this.#lockAllowance = new MessageAllowance(
      this.#rateLimiter,
      commands.rates.socket,
      this.#lockAccount,
    ));
  }

  /** Whether a reader's message asks its peers for what it missed, and changes nothing (PROTOCOL.md §3). */
  #mayAsk(payload: Buffer, binary: boolean): boolean {
    if (this.#route.readersMayAsk !== 'yjs' || !binary || !isSyncStep1(payload)) return false;
    this.#questions ??= new RateLimiter(QUESTION_RATE);
    return this.#questions.take(this.#context.monotonicMs(), this.#client.unreadFromMs) === 'taken';
  }

  /** The parser of a plain client that sends binary messages may take no text: it gets its sign of life instead. */
  #refuseReader(payload: Buffer, binary: boolean): void {
    this.#metrics.bytesRefused('read_only', payload.length);
    const answer = readOnly(payload, binary, this.#sender);
    if (this.#sender.bridgeV1 || !binary) {
      this.#answer(answer);
      return;
    }
    this.#metrics.messageRefused('READ_ONLY');
    this.#echoWhenQuiet(payload, binary);
  }

  /** Over its tenant's share of the command stream a client floods as it would over its own rate. */
  #overShare(bytes: number): Overrun {
    return { over: 'over_share', isFlood: this.#allowed().refuse(bytes, this.#context.monotonicMs()) };
  }

  #refuse(bytes: number, { over, isFlood }: Overrun, answer: () => Answer): void {
    this.#metrics.bytesRefused(over, bytes);
    if (isFlood) this.#closeFlooder(over);
    else this.#answer(answer());
  }

  /** Closes the socket of a client that goes on, and says whose it was: the metrics of what is refused do not. */
  #closeFlooder(over: RefusedBytes): void {
    if (!this.#client.isOpen) return;
    const { tenantId: tenant, userId: user, requestId } = this.#sender.origin;
    this.#context.log.info({ route: this.#route.name, tenant, user, requestId, over }, 'closed for flooding');
    this.#client.close(CLOSE_CODES.tooManyMessages);
  }

  /** A client that was sent nothing for its route's time gets its own message back, as a sign of life (PROTOCOL.md §3). */
  #echoWhenQuiet(payload: Buffer, binary: boolean): void {
    const { echoAfterMs } = this.#route;
    const { heardAtMs } = this.#client;
    if (echoAfterMs === 0 || heardAtMs === undefined) return;
    if (this.#context.wheel.nowMs - heardAtMs >= echoAfterMs) this.#client.echo(frameOf(payload, binary));
  }

  #answer(answer: Answer): void {
    if (answer.kind === 'refused') this.#metrics.messageRefused(answer.code);
    const text = answerText(answer, this.#sender.bridgeV1);
    if (text !== undefined) this.#client.send(text);
  }

  #countPending(change: 1 | -1): void {
    this.#pending += change;
    if (this.#onFinished !== undefined) {
      if (this.#pending > 0) return;
      this.#client.resume();
      this.#onFinished();
      return;
    }
    if (!this.#client.isReadable || this.isHeld) this.#client.pause();
    else if (this.#client.isPaused) {
      this.#client.resume();
      this.#frames.restart();
    }
  }
}

function isOverShare(answer: Answer | undefined): answer is Answer & { readonly kind: 'refused' } {
  return answer?.kind === 'refused' && answer.code === 'TOO_MANY_MESSAGES';
}
