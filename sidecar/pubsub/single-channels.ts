import { SmallSet, type Members } from '../lib/small-set';
import { SubscriptionError, MAX_CHANNELS_PER_SUBSCRIBE, type ChannelRegistry } from './channel-registry';
import {
  type RefusedChannels,
  type SubscribeCommands,
  RefusedChannelError,
  type OnRefused,
} from './subscribe-commands';

interface Entry<Member> {
  readonly members: SmallSet<Member>;
  /** Settles with Redis's answer to the latest SUBSCRIBE for this channel. */
  acknowledged: Promise<RefusedChannels>;
  readonly pinned: boolean;
}

/** Between two attempts at channels of the bridge's own that Redis refuses, in milliseconds. */
const PINNED_RETRY_MS = 2000;

const NOBODY: Members<never> = new SmallSet<never>();

/**
 * Who wants which channel. A channel is subscribed once however many members it has, and unsubscribed when the last one
 * leaves. Every change is sent at once and in order on one connection. So the subscriptions that Redis holds in the end
 * follow membership, whatever is still in flight.
 *
 * A member joins a channel at most once in its life.
 */
export class SingleChannels<Member> implements ChannelRegistry<Member> {
  readonly #subscriber: SubscribeCommands;
  readonly #onRefused: OnRefused<Member>;
  readonly #entries = new Map<string, Entry<Member>>();
  #pinned = 0;
  #connection: symbol | undefined;
  #restored = false;

  constructor(subscriber: SubscribeCommands, onRefused: OnRefused<Member> = () => undefined) {
    this.#subscriber = subscriber;
    this.#onRefused = onRefused;
  }

  /** How many channels have members, apart from pinned ones. */
  get size(): number {
    return this.#entries.size - this.#pinned;
  }

  /** The channels that have members, apart from pinned ones. */
  get channels(): readonly string[] {
    return [...this.#entries].flatMap(([channel, { pinned }]) => (pinned ? [] : [channel]));
  }

  /** The members of a channel. */
  members(channel: string): Members<Member> {
    return this.#entries.get(channel)?.members ?? NOBODY;
  }

  isLive(): boolean {
    return this.#restored;
  }

  async arrived(): Promise<void> {
    const connection = this.#connection;
    if (!this.#restored) throw new SubscriptionError('the subscription is not back yet');
    try {
      await this.#subscriber.ping();
    } catch (cause) {
      throw new SubscriptionError('Redis did not answer on the connection of messages', { cause });
    }
    if (this.#connection !== connection) throw new SubscriptionError('the subscription was lost');
  }

  /** Makes a channel's one member, for good: it is subscribed with each connection, from the next one on. */
  pin(channel: string, member: Member): void {
    const acknowledged = Promise.resolve<RefusedChannels>(new Map());
    this.#entries.set(channel, { members: new SmallSet([member]), acknowledged, pinned: true });
    this.#pinned += 1;
  }

  /**
   * Adds a member. Resolves once Redis has acknowledged the channel's subscription: whatever is published from
   * then on reaches the member.
   * @throws SubscriptionError when Redis is unreachable, RefusedChannelError when it does not allow the channel; the member is
   * not added then
   */
  async join(channel: string, member: Member): Promise<void> {
    if (this.#connection === undefined) throw new SubscriptionError('not connected to Redis');
    const entry = this.#entries.get(channel) ?? this.#open(channel);
    entry.members.add(member);
    const refused = await entry.acknowledged.catch((cause: unknown) => {
      this.#remove(channel, entry, member);
      throw new SubscriptionError('Redis did not acknowledge the subscription', { cause });
    });
    const cause = refused.get(channel);
    if (cause === undefined) return;
    this.#remove(channel, entry, member);
    throw new RefusedChannelError(`Redis does not allow the channel: ${cause.message}`, { cause });
  }

  /** Removes a member, at whatever stage its join is. Does nothing for one that is not a member. */
  leave(channel: string, member: Member): void {
    const entry = this.#entries.get(channel);
    if (entry !== undefined) this.#remove(channel, entry, member);
  }

  /**
   * The connection is up, with no subscriptions: makes those again that have members. Who is a member of a channel that Redis
   * no longer allows is told, and of the others nobody is touched.
   * @returns whether all the others are back; false when the connection was lost again first, or a pinned one was refused
   */
  async up(): Promise<boolean> {
    const connection = Symbol('connection');
    this.#connection = connection;
    const channels = [...this.#entries.keys()];
    const acknowledged: Promise<RefusedChannels>[] = [];
    for (let start = 0; start < channels.length; start += MAX_CHANNELS_PER_SUBSCRIBE) {
      acknowledged.push(this.#resubscribe(channels.slice(start, start + MAX_CHANNELS_PER_SUBSCRIBE)));
    }
    try {
      const refused = new Map((await Promise.all(acknowledged)).flatMap((part) => [...part]));
      if (this.#connection !== connection) return false;
      this.#drop(refused);
      if ([...refused.keys()].some((channel) => this.#entries.get(channel)?.pinned === true)) {
        // Without its own channels a bridge hears no revocation: it admits nobody until it has them.
        this.#connection = undefined;
        setTimeout(() => {
          if (this.#connection === undefined) this.#subscriber.reset();
        }, PINNED_RETRY_MS).unref();
        return false;
      }
      this.#restored = true;
      return true;
    } catch {
      // Members that were admitted long ago would hear nothing and never know.
      if (this.#connection === connection) this.#subscriber.reset();
      return false;
    }
  }

  #drop(refused: RefusedChannels): void {
    for (const [channel, reason] of refused) {
      const entry = this.#entries.get(channel);
      if (entry === undefined) continue;
      if (!entry.pinned) this.#entries.delete(channel);
      this.#onRefused(channel, entry.members, reason);
    }
  }

  /** The connection is lost, and its subscriptions with it. Members stay. */
  down(): void {
    this.#connection = undefined;
    this.#restored = false;
  }

  #open(channel: string): Entry<Member> {
    const acknowledged = this.#subscriber.subscribe([channel]);
    const entry = { members: new SmallSet<Member>(), acknowledged, pinned: false };
    this.#entries.set(channel, entry);
    return entry;
  }

  #resubscribe(channels: readonly string[]): Promise<RefusedChannels> {
    const acknowledged = this.#subscriber.subscribe(channels);
    for (const channel of channels) {
      const entry = this.#entries.get(channel);
      if (entry !== undefined) entry.acknowledged = acknowledged;
    }
    return acknowledged;
  }

  #remove(channel: string, entry: Entry<Member>, member: Member): void {
    entry.members.delete(member);
    if (entry.members.size > 0 || this.#entries.get(channel) !== entry) return;
    this.#entries.delete(channel);
    if (this.#connection === undefined) return;
    // A failure means that the connection, and the subscription with it, is lost, or soon obeys.
    this.#subscriber.unsubscribe([channel]).catch(() => undefined);
  }
}
