import type { Unsent, UnsentBudget } from '../fanout/unsent-budget';
import { MessageHandler, type MessageClient, type MessageContext } from '../inbound/message-handler';
import { MessageTimeout, type MessageReader, type MessageTimeoutContext } from '../inbound/message-timeout';
import type { Sender } from '../inbound/receive';
import type { TimerWheel } from '../lib/timer-wheel';
import type { RouteMetrics } from '../metrics/metrics';
import type { Admission } from './admission';
import { Pongs, type SendPong } from './pongs';

/** Shared by all that clients of a bridge send. */
export interface IncomingContext extends MessageContext, MessageTimeoutContext {
  readonly wheel: TimerWheel;
  /** How many values a command may hold. */
  readonly maxCommandValues: number;
  /** The bytes of messages that clients have begun and not finished. */
  readonly unfinishedBudget: UnsentBudget;
}

/** A client as what it sends sees it. */
export interface IncomingClient extends MessageClient, MessageReader {
  /** On a route that relays. */
  readonly senderId: Buffer | undefined;
  /** Whether it was told to go, or is cut. */
  readonly isEnding: boolean;
  readonly pong: SendPong;
}

/** A client's bytes: its messages, the part of one that is not whole, and its pings. Most clients send pongs and nothing else. */
export class Incoming {
  readonly #client: IncomingClient;
  readonly #admission: Admission;
  readonly #context: IncomingContext;
  readonly #metrics: RouteMetrics;
  readonly #timeout: MessageTimeout;
  /** Made with the first thing that the client sends. */
  #messages: MessageHandler | undefined;
  /** Made when a message is not whole, and let go when it is. */
  #unfinished: Unsent | undefined;
  /** Made with the first ping. */
  #pongs: Pongs | undefined;

  constructor(client: IncomingClient, admission: Admission, context: IncomingContext, metrics: RouteMetrics) {
    this.#client = client;
    this.#admission = admission;
    this.#context = context;
    this.#metrics = metrics;
    this.#timeout = new MessageTimeout(context, client);
  }

  /** Whether a new one would do as well. */
  get isIdle(): boolean {
    return this.#messages === undefined && this.#unfinished === undefined && this.#timeout.isIdle;
  }

  get frameBytesLeft(): number {
    return this.#timeout.frameBytesLeft;
  }

  /** Whether nothing more is read before what is on its way has arrived. */
  get isHeld(): boolean {
    return this.#messages?.isHeld === true;
  }

  /** Bounds what the client sends by the time that a message takes. */
  read(bytes: Buffer): void {
    this.#timeout.read(bytes);
  }

  /** A client of a tenant that has too much of it is cut when it goes on, as one is that takes too long. */
  keeps(bytes: number): void {
    const { identity, requestId } = this.#admission.caller;
    const { tenantId: tenant, userId: user } = identity;
    if (this.#unfinished === undefined && bytes === 0) return;
    this.#unfinished ??= this.#context.unfinishedBudget.open(tenant);
    this.#unfinished.set(bytes);
    const { over: bound } = this.#unfinished;
    if (bytes === 0) this.#unfinished = undefined;
    if (bound === undefined || this.#client.isEnding) return;
    const route = this.#admission.route.name;
    this.#context.log.info({ route, tenant, user, requestId, bound }, 'cut: too much is unfinished');
    this.#client.reset();
  }

  received(payload: Buffer, binary: boolean): void {
    void this.#handler().take(payload, binary);
  }

  pinged(payload: Buffer): void {
    if (!this.#handler().takePing(payload.length)) return;
    this.#pongs ??= new Pongs((data, onWritten) => {
      this.#client.pong(data, onWritten);
    });
    this.#pongs.answer(payload);
  }

  /** Nobody asked for it. */
  ponged(): void {
    this.#handler().takePong();
  }

  /** Reads no more, and calls back once everything has arrived. */
  finish(onFinished: () => void): void {
    if (this.#messages === undefined) onFinished();
    else this.#messages.finish(onFinished);
  }

  /** Gives back everything. Can be called more than once. */
  release(): void {
    this.#timeout.cancel();
    this.#unfinished?.set(0);
    this.#messages?.release();
  }

  #handler(): MessageHandler {
    return (this.#messages ??= new MessageHandler(
      this.#client,
      this.#admission.route,
      senderOf(this.#admission, this.#client.senderId, this.#context.maxCommandValues),
      this.#context,
      this.#metrics,
      this.#timeout,
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
