import type { Receiver } from './delivery';
import type { Frame } from './frame';
import type { Outbox } from './outbox';
import type { Registry } from './subscriptions';

/** How a connection hears its channels. */
export interface Feed {
  /** On a relay route: tells what this client sends from what every other does, on any bridge. 16 bytes. */
  readonly senderId: Buffer | undefined;
  /**
   * Subscribes: once this resolves nothing is missed.
   * @throws SubscriptionError when Redis is unreachable
   */
  join(): Promise<void>;
  /** From now on frames go to the socket. */
  start(outbox: Outbox): void;
  /** Gives back what it took. Can be called at any stage, more than once. */
  leave(): void;
  /** Leaves, and keeps nothing for a client that comes back. */
  forget(): void;
}

/** The feed of a plain client: what is published while its socket is open, and nothing else. */
export class PlainFeed implements Feed, Receiver {
  readonly senderId: Buffer | undefined;
  readonly #subscriptions: Registry<Receiver>;
  readonly #channels: readonly string[];
  #outbox: Outbox | undefined;

  constructor(subscriptions: Registry<Receiver>, channels: readonly string[], senderId: Buffer | undefined) {
    this.#subscriptions = subscriptions;
    this.#channels = channels;
    this.senderId = senderId;
  }

  async join(): Promise<void> {
    await Promise.all(this.#channels.map((channel) => this.#subscriptions.join(channel, this)));
  }

  start(outbox: Outbox): void {
    this.#outbox = outbox;
  }

  take(frame: Frame): void {
    this.#outbox?.data(frame);
  }

  leave(): void {
    for (const channel of this.#channels) this.#subscriptions.leave(channel, this);
  }

  forget(): void {
    this.leave();
  }
}
