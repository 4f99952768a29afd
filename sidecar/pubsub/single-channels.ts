import { inTurns } from '../lib/promises';
import { SmallSet, type Members } from '../lib/small-set';
import { SubscriptionError, type ChannelRegistry } from './channel-registry';
import type { LostChannels } from './subscriber';
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
  /** That it went to. */
  connection: symbol | undefined;
  readonly pinned: boolean;
}

/** Channels that one SUBSCRIBE makes. */
type Batch<Member> = readonly (readonly [channel: string, entry: Entry<Member>])[];

/**
 * So many SUBSCRIBEs of lost channels wait for Redis at any time, each for so many of them. The answers are read in one stretch, some
 * five microseconds each, and whoever joins a channel meanwhile waits behind them.
 */
export const SUBSCRIBES_AT_ONCE = 2;
export const CHANNELS_MADE_AGAIN = 256;
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
  /** Since it was last down something may have been subscribed. */
  #wasUp = false;
  #restored = false;
  /** Those of lost channels that were made before their turn, and have no answer yet. */
  readonly #ahead = new Set<Promise<RefusedChannels>>();

  constructor(subscriber: SubscribeCommands, onRefused: OnRefused<Member> = () => undefined) {
    this.#subscriber = subscriber;
    this.#onRefused = onRefused;
  }

  /** How many channels have members, apart from pinned ones. */
  get size(): number {
    return this.#entries.size - this.#pinned;
  }

  /** The channels that have members, apart from pinned ones, as they are when one goes through them. */
  get channels(): LostChannels {
    const entries = this.#entries;
    return {
      has: (channel) => entries.get(channel)?.pinned === false,
      *[Symbol.iterator]() {
        for (const [channel, { pinned }] of entries) if (!pinned) yield channel;
      },
    };
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
    const members = new SmallSet([member]);
    this.#entries.set(channel, { members, acknowledged, connection: undefined, pinned: true });
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
    if (entry.connection !== this.#connection) this.#subscribeNow(channel, entry);
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
   * The connection is up, with no subscriptions: makes those again that have members, a few at a time. Who is a member of a channel
   * that Redis no longer allows is told, and of the others nobody is touched.
   * @returns whether all the others are back; false when the connection was lost again first, or a pinned one was refused
   */
  async up(): Promise<boolean> {
    const connection = Symbol('connection');
    this.#connection = connection;
    this.#wasUp = true;
    const lacks = { pinned: false };
    try {
      await inTurns(this.#lost(connection), SUBSCRIBES_AT_ONCE, async (batch) => {
        const refused = await this.#subscribe(batch);
        if (this.#connection === connection && this.#drop(batch, refused)) lacks.pinned = true;
      });
      // Redis has their answers by now, unless one was refused and is made once more in parts.
      await Promise.all(this.#ahead);
      if (this.#connection !== connection) return false;
      if (lacks.pinned) {
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

  /** Batches of channels that are not subscribed on the connection, as long as that is the latest. */
  *#lost(connection: symbol): Generator<Batch<Member>, undefined> {
    let batch: [string, Entry<Member>][] = [];
    for (const each of this.#entries) {
      if (each[1].connection !== connection) batch.push(each);
      if (batch.length < CHANNELS_MADE_AGAIN) continue;
      yield batch;
      if (this.#connection !== connection) return;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  /** @returns whether one of them is pinned */
  #drop(batch: Batch<Member>, refused: RefusedChannels): boolean {
    if (refused.size === 0) return false;
    let isPinned = false;
    for (const [channel, entry] of batch) {
      const reason = refused.get(channel);
      // Members that have joined it anew are told by the answer to that.
      if (reason === undefined || this.#entries.get(channel) !== entry) continue;
      if (entry.pinned) isPinned = true;
      else this.#entries.delete(channel);
      this.#onRefused(channel, entry.members, reason);
    }
    return isPinned;
  }

  /** The connection is lost, and its subscriptions with it. Members stay. @returns whether there was one */
  down(): boolean {
    // A connection that lacks one of the bridge's own channels is in use no more, and has those of others.
    const wasUp = this.#wasUp;
    this.#wasUp = false;
    this.#connection = undefined;
    this.#restored = false;
    return wasUp;
  }

  #open(channel: string): Entry<Member> {
    const entry: Entry<Member> = {
      members: new SmallSet<Member>(),
      acknowledged: Promise.resolve<RefusedChannels>(new Map()),
      connection: undefined,
      pinned: false,
    };
    this.#entries.set(channel, entry);
    return entry;
  }

  /** The channel is new. Or it is lost and its turn has not come: its members are told as they would be then. */
  #subscribeNow(channel: string, entry: Entry<Member>): void {
    const connection = this.#connection;
    const isLost = entry.members.size > 0;
    const batch = [[channel, entry]] as const;
    const subscribed = this.#subscribe(batch);
    if (!isLost) return;
    this.#ahead.add(subscribed);
    subscribed.then(
      (refused) => {
        this.#ahead.delete(subscribed);
        if (this.#connection === connection) this.#drop(batch, refused);
      },
      () => this.#ahead.delete(subscribed),
    );
  }

  #subscribe(batch: Batch<Member>): Promise<RefusedChannels> {
    const acknowledged = this.#subscriber.subscribe(batch.map(([channel]) => channel));
    for (const [, entry] of batch) {
      entry.acknowledged = acknowledged;
      entry.connection = this.#connection;
    }
    return acknowledged;
  }

  #remove(channel: string, entry: Entry<Member>, member: Member): void {
    entry.members.delete(member);
    if (entry.members.size > 0 || this.#entries.get(channel) !== entry) return;
    this.#entries.delete(channel);
    // Nothing of it has gone to the connection that there is.
    if (this.#connection === undefined || entry.connection !== this.#connection) return;
    // A failure means that the connection, and the subscription with it, is lost, or soon obeys.
    this.#subscriber.unsubscribe([channel]).catch(() => undefined);
  }
}
