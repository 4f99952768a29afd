import { withChannelCap, type ChannelRegistry } from './channel-registry';
import type { Receiver } from '../fanout/deliver';
import type { Subscriber } from './subscriber';
import type { IsRelayed } from './relayed-channels';

/** The subscriber of the channels that clients' messages are relayed on. */
export interface RelaySubscriber {
  readonly subscriber: Subscriber;
  readonly isRelayed: IsRelayed;
}

/**
 * All that a bridge hears of Redis, over two subscribers. One has services' channels and the bridges' own. Another, if
 * any, has the channels that clients' messages are relayed on. Redis cuts a connection that too much waits for, and
 * clients' messages must not cut services'.
 */
export class Subscribers {
  /** Every channel, wherever it is subscribed; those that are pinned are the services' subscriber's. */
  readonly subscriptions: ChannelRegistry<Receiver>;
  readonly #services: Subscriber;
  readonly #relays: RelaySubscriber | undefined;
  readonly #ofServices: ChannelRegistry<Receiver>;
  readonly #ofRelays: ChannelRegistry<Receiver> | undefined;

  /**
   * @param maxChannels that have members, on both together; 0 for any number
   * @param makeRoom takes a channel from members that can do without it; returns whether there was one
   */
  constructor(
    services: Subscriber,
    relays: RelaySubscriber | undefined,
    maxChannels: number,
    makeRoom?: () => boolean,
  ) {
    this.#services = services;
    this.#relays = relays;
    const countChannels = (): number =>
      this.#all.reduce((sum, { subscriptions }) => sum + subscriptions.size, 0);
    const capped = ({ subscriptions }: Subscriber): ChannelRegistry<Receiver> =>
      withChannelCap(subscriptions, maxChannels, countChannels, makeRoom);
    this.#ofServices = capped(services);
    this.#ofRelays = relays && capped(relays.subscriber);
    this.subscriptions = this.#ofRelays === undefined ? this.#ofServices : this.#bothOf(countChannels);
  }

  /** Where a channel is subscribed, and whatever must come in one order with it. */
  registryOf(channel: string): ChannelRegistry<Receiver> {
    if (this.#ofRelays === undefined || this.#relays?.isRelayed(channel) !== true) return this.#ofServices;
    return this.#ofRelays;
  }

  /** Whether everything that is published to these channels comes in one order, on every bridge. */
  inOneOrder(channels: readonly string[]): boolean {
    const subscribers = new Set(channels.map((channel) => this.#subscriberOf(channel)));
    return subscribers.size === 1 && [...subscribers].every((subscriber) => subscriber.inOneOrder(channels));
  }

  /** Listeners on the connections. */
  get listenerCount(): number {
    return this.#all.reduce((sum, { listenerCount }) => sum + listenerCount, 0);
  }

  /** Tries to connect once, and from then on stays connected. Never rejects. */
  async connect(): Promise<void> {
    await Promise.all(this.#all.map((subscriber) => subscriber.connect()));
  }

  /** Begins to probe. */
  start(): void {
    for (const subscriber of this.#all) subscriber.start();
  }

  /** Ends probing. */
  stop(): void {
    for (const subscriber of this.#all) subscriber.stop();
  }

  async disconnect(): Promise<void> {
    await Promise.all(this.#all.map((subscriber) => subscriber.disconnect()));
  }

  get #all(): readonly Subscriber[] {
    return this.#relays === undefined ? [this.#services] : [this.#services, this.#relays.subscriber];
  }

  #subscriberOf(channel: string): Subscriber {
    return this.#relays?.isRelayed(channel) === true ? this.#relays.subscriber : this.#services;
  }

  #bothOf(countChannels: () => number): ChannelRegistry<Receiver> {
    return {
      get size() {
        return countChannels();
      },
      members: (channel) => this.registryOf(channel).members(channel),
      pin: (channel, member) => {
        // The bridges' own names may look like those of a template: these are never relayed on.
        this.#ofServices.pin(channel, member);
      },
      join: (channel, member) => this.registryOf(channel).join(channel, member),
      leave: (channel, member) => {
        this.registryOf(channel).leave(channel, member);
      },
      isLive: (channel) => this.registryOf(channel).isLive(channel),
      arrived: (channel) => this.registryOf(channel).arrived(channel),
    };
  }
}
