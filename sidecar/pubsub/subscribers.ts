import { withChannelCap, type Registry } from './channel-registry';
import type { Receiver } from '../fanout/deliver';
import type { Intake } from './subscriber';
import type { IsRelayed } from './relayed-channels';

/** The intake of the channels that clients' messages are relayed on. */
export interface RelayIntake {
  readonly intake: Intake;
  readonly isRelayed: IsRelayed;
}

/**
 * All that a bridge hears of Redis, over two intakes: services' channels and the bridges' own on one, the channels that
 * clients' messages are relayed on, if any, on another. Redis cuts a connection that too much waits for, and what clients
 * cause must not cut what services publish.
 */
export class Intakes {
  /** Every channel, wherever it is subscribed; those that are pinned are the services' intake's. */
  readonly subscriptions: Registry<Receiver>;
  readonly #services: Intake;
  readonly #relays: RelayIntake | undefined;
  readonly #ofServices: Registry<Receiver>;
  readonly #ofRelays: Registry<Receiver> | undefined;

  /** @param maxChannels that have members, on both together; 0 for any number */
  constructor(services: Intake, relays: RelayIntake | undefined, maxChannels: number) {
    this.#services = services;
    this.#relays = relays;
    const countChannels = (): number =>
      this.#all.reduce((sum, { subscriptions }) => sum + subscriptions.size, 0);
    const capped = ({ subscriptions }: Intake): Registry<Receiver> =>
      withChannelCap(subscriptions, maxChannels, countChannels);
    this.#ofServices = capped(services);
    this.#ofRelays = relays && capped(relays.intake);
    this.subscriptions = this.#ofRelays === undefined ? this.#ofServices : this.#bothOf(countChannels);
  }

  /** Where a channel is subscribed, and whatever must come in one order with it. */
  registryOf(channel: string): Registry<Receiver> {
    if (this.#ofRelays === undefined || this.#relays?.isRelayed(channel) !== true) return this.#ofServices;
    return this.#ofRelays;
  }

  /** Whether everything that is published to these channels comes in one order, on every bridge. */
  inOneOrder(channels: readonly string[]): boolean {
    const intakes = new Set(channels.map((channel) => this.#intakeOf(channel)));
    return intakes.size === 1 && [...intakes].every((intake) => intake.inOneOrder(channels));
  }

  /** Listeners on the connections. */
  get listenerCount(): number {
    return this.#all.reduce((sum, { listenerCount }) => sum + listenerCount, 0);
  }

  /** Tries to connect once, and from then on stays connected. Never rejects. */
  async connect(): Promise<void> {
    await Promise.all(this.#all.map((intake) => intake.connect()));
  }

  /** Begins to probe. */
  start(): void {
    for (const intake of this.#all) intake.start();
  }

  /** Ends probing. */
  stop(): void {
    for (const intake of this.#all) intake.stop();
  }

  async disconnect(): Promise<void> {
    await Promise.all(this.#all.map((intake) => intake.disconnect()));
  }

  get #all(): readonly Intake[] {
    return this.#relays === undefined ? [this.#services] : [this.#services, this.#relays.intake];
  }

  #intakeOf(channel: string): Intake {
    return this.#relays?.isRelayed(channel) === true ? this.#relays.intake : this.#services;
  }

  #bothOf(countChannels: () => number): Registry<Receiver> {
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
    };
  }
}
