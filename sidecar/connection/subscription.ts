import type { ChannelState } from '../fanout/channel-state';
import type { Receiver } from '../fanout/deliver';
import type { Frame } from '../fanout/frame';
import type { SendQueue } from '../fanout/send-queue';
import type { TimerWheel } from '../lib/timer-wheel';
import type { StateOutcome } from '../metrics/outcomes';
import type { ChannelRegistry } from '../pubsub/channel-registry';
import type { Keeps, Standing } from '../sessions/sessions';
import type { StateReader, StateView } from '../states/state-view';

/** How a connection hears its channels. */
export interface Subscription {
  /** On a relay route: tells what this client sends from what every other does, on any bridge. 16 bytes. */
  readonly senderId: Buffer | undefined;
  /** How this bridge keeps the frames of its session. */
  readonly keeps: Keeps;
  /**
   * Subscribes: once this resolves nothing is missed.
   * @param standing of its session, before that is claimed
   * @throws SubscriptionError when Redis is unreachable
   */
  join(standing: Standing | undefined): Promise<void>;
  /**
   * Its session was nobody's, and then another claimed it first, for the same owner.
   * @param bridges that keep its frames
   * @throws when Redis is unreachable
   */
  forestalled(bridges: readonly string[]): Promise<void>;
  /**
   * When the client was last sent a frame, or its socket opened, by the wheel's clock, in milliseconds. Undefined where that
   * does not matter: a `bridge.v1` client has other signs of life.
   */
  readonly heardAtMs: number | undefined;
  /** Hands the client a frame that it sent itself. */
  echo(frame: Frame): void;
  /** From now on frames go to the socket. */
  start(sendQueue: SendQueue): void;
  /** Gives back what it took. Can be called at any stage, more than once. */
  leave(): void;
  /** Leaves, and keeps nothing for a client that comes back. */
  forget(): void;
}

/** Whose subscription it is. */
export interface Subscribed {
  /** Redis does not allow one of its channels any longer: at whatever stage it is, it hears nothing more. */
  channelRefused(): void;
}

/** The subscription of a plain client: what is published while its socket is open, and nothing else. */
export class LiveSubscription implements Subscription, Receiver, StateReader {
  readonly senderId: Buffer | undefined;
  readonly #subscriptions: ChannelRegistry<Receiver>;
  readonly #channels: readonly string[];
  readonly #wheel: TimerWheel;
  readonly #client: Subscribed;
  readonly #view: StateView | undefined;
  #heardAtMs = 0;
  #sendQueue: SendQueue | undefined;

  /**
   * @param view where the channel has a state
   */
  constructor(
    subscriptions: ChannelRegistry<Receiver>,
    channels: readonly string[],
    senderId: Buffer | undefined,
    wheel: TimerWheel,
    client: Subscribed,
    view: StateView | undefined,
  ) {
    this.#wheel = wheel;
    this.#view = view;
    this.#client = client;
    this.#subscriptions = subscriptions;
    this.#channels = channels;
    this.senderId = senderId;
  }

  readonly keeps = 'none';

  async forestalled(): Promise<void> {
    // Nothing is kept for its client.
  }

  async join(): Promise<void> {
    const joined = this.#channels.map((channel) => this.#subscriptions.join(channel, this));
    await (joined.length === 1 ? joined[0] : Promise.all(joined));
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  start(sendQueue: SendQueue): void {
    this.#sendQueue = sendQueue;
    this.#heardAtMs = this.#wheel.nowMs;
    this.#askState();
  }

  deliver(frame: Frame): void {
    this.#heardAtMs = this.#wheel.nowMs;
    this.#sendQueue?.data(frame);
  }

  echo(frame: Frame): void {
    this.deliver(frame);
  }

  refused(): void {
    this.#client.channelRefused();
  }

  restored(): void {
    if (this.#sendQueue !== undefined) this.#askState();
  }

  showState({ frame }: ChannelState): StateOutcome {
    this.deliver(frame);
    return 'sent';
  }

  leave(): void {
    this.#view?.forget();
    for (const channel of this.#channels) this.#subscriptions.leave(channel, this);
  }

  forget(): void {
    this.leave();
  }

  #askState(): void {
    this.#view?.ask(this);
  }
}
