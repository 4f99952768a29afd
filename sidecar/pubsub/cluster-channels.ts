import { ReplyError } from 'ioredis';
import { keySlot } from '../../redis/key-slot';
import type { Steps } from '../lib/loop-shares';
import { halves, isOfOneItem } from '../../redis/refused-item';
import { MAX_CHANNELS_PER_SUBSCRIBE, SubscriptionError, type ChannelRegistry } from './channel-registry';
import { RefusedChannelError, type OnRefused } from './subscribe-commands';

/** A connection to one master, as the registry uses it. Commands reach Redis in the order of the calls. */
export interface ShardLink {
  readonly isReady: boolean;
  /** Subscribes to channels of one slot. Rejects when Redis does not confirm it. */
  subscribe(channels: readonly string[]): Promise<unknown>;
  unsubscribe(channel: string): void;
  /** Resolves with an answer that comes behind all that was published before. */
  ping(): Promise<unknown>;
  /** How many channels Redis holds for this connection; undefined when there is no telling. */
  count(): Promise<number | undefined>;
  /** Gives the connection up for a new one. */
  reset(): void;
}

/** The events of a registry. */
export interface ClusterChannelEvents<Member> {
  /** The subscriptions of these channels are lost. */
  lost(channels: ReadonlySet<string>): void;
  /** Acts once whoever was told of lost subscriptions knows. */
  whenTold(act: () => void): void;
  /** Takes steps in shares of the loop's time. */
  share(steps: Steps): void;
  /** Some that were lost are back. */
  restored(): void;
  /** Redis did not confirm a subscription: somebody else may serve its slot. */
  refused(): void;
  /** Redis does not allow a channel. */
  readonly notAllowed: OnRefused<Member>;
}

/** `live` once Redis has confirmed it, `pending` until then, `lost` when there is no subscription and nobody makes one. */
type State = 'live' | 'pending' | 'lost';

interface Entry<Member> {
  readonly slot: number;
  readonly members: Set<Member>;
  readonly pinned: boolean;
  state: State;
  /** Where it is subscribed, or about to be. */
  link: ShardLink | undefined;
  /** Settles with Redis's answer to the latest SSUBSCRIBE. */
  acknowledged: Promise<unknown>;
  /** Redis did not allow it when it was asked last: it is told once. */
  isRefused: boolean;
}

/** So many channels are looked at for lost ones at a stretch. */
const LOOKED_AT_A_STEP = 256;

const NOBODY: ReadonlySet<never> = new Set<never>();

/**
 * Who wants which sharded channel of a cluster. Each channel is subscribed at the master of its slot, and again
 * wherever that slot goes. A message counts only from the connection that its channel belongs to. Between losing one
 * and having the next, the channel is lost. So nothing is heard twice, and nothing is missed untold.
 */
export class ClusterChannels<Member> implements ChannelRegistry<Member> {
  readonly #events: ClusterChannelEvents<Member>;
  readonly #entries = new Map<string, Entry<Member>>();
  #linkOf: (slot: number) => ShardLink | undefined = () => undefined;
  #pinned = 0;
  /** How many are lost. It is asked four times a second whether any is. */
  #lost = 0;
  /** Changes when subscriptions are lost, and when everybody knows. */
  #losses = 0;
  #opened = 0;

  constructor(events: ClusterChannelEvents<Member>) {
    this.#events = events;
  }

  get size(): number {
    return this.#entries.size - this.#pinned;
  }

  /** Whether every channel that somebody wants is subscribed. */
  get isWhole(): boolean {
    return this.#lost === 0;
  }

  members(channel: string): ReadonlySet<Member> {
    return this.#entries.get(channel)?.members ?? NOBODY;
  }

  /** Who is to get a message of a channel that came over `link`. */
  receivers(channel: string, link: ShardLink): ReadonlySet<Member> {
    const entry = this.#entries.get(channel);
    return entry?.link === link && entry.state !== 'lost' ? entry.members : NOBODY;
  }

  isLive(channel: string): boolean {
    return this.#entries.get(channel)?.state === 'live';
  }

  async arrived(channel: string): Promise<void> {
    const entry = this.#entries.get(channel);
    if (entry?.state !== 'live' || entry.link === undefined) {
      throw new SubscriptionError('the subscription is not back yet');
    }
    const { link, acknowledged } = entry;
    try {
      await link.ping();
    } catch (cause) {
      throw new SubscriptionError('Redis did not answer on the connection of messages', { cause });
    }
    // It may have been lost and made anew meanwhile.
    const isSame = this.#entries.get(channel) === entry && entry.acknowledged === acknowledged;
    if (!isSame || !this.isLive(channel)) throw new SubscriptionError('the subscription was lost');
  }

  pin(channel: string, member: Member): void {
    this.#add(channel, { ...newEntry(channel), members: new Set([member]), pinned: true });
    this.#pinned += 1;
  }

  async join(channel: string, member: Member): Promise<void> {
    const entry = this.#entries.get(channel) ?? this.#open(channel);
    if (entry.state === 'lost') throw new SubscriptionError('the subscription is not back yet');
    entry.members.add(member);
    try {
      await latestAnswer(entry);
    } catch (cause) {
      this.#remove(channel, entry, member);
      if (isOfOneItem(cause)) {
        throw new RefusedChannelError(`Redis does not allow the channel: ${cause.message}`, { cause });
      }
      throw new SubscriptionError('Redis did not acknowledge the subscription', { cause });
    }
  }

  leave(channel: string, member: Member): void {
    const entry = this.#entries.get(channel);
    if (entry !== undefined) this.#remove(channel, entry, member);
  }

  /** Which link serves which slot, from now on: channels that are subscribed elsewhere are unsubscribed there. */
  route(linkOf: (slot: number) => ShardLink | undefined): void {
    this.#linkOf = linkOf;
    this.#lose((entry) => entry.link !== undefined && entry.link !== linkOf(entry.slot));
    this.restore();
  }

  /** A link is lost, with its subscriptions. */
  down(link: ShardLink): void {
    this.#lose((entry) => entry.link === link);
  }

  /** Subscribes what is lost wherever there is a connection for it, once everybody knows that it was. */
  restore(): void {
    this.#events.whenTold(() => {
      this.#events.share(this.#restore());
    });
  }

  /** A master's channels are of thousands of slots, each of which is a command of its own. */
  *#restore(): Generator<undefined, undefined> {
    const groups = new Map<number, [string, Entry<Member>][]>();
    let looked = 0;
    for (const [channel, entry] of this.#entries) {
      if ((looked += 1) % LOOKED_AT_A_STEP === 0) yield;
      if (!this.#isRestorable(entry)) continue;
      const group = groups.get(entry.slot) ?? [];
      group.push([channel, entry]);
      groups.set(entry.slot, group);
    }
    for (const group of groups.values()) {
      for (let start = 0; start < group.length; start += MAX_CHANNELS_PER_SUBSCRIBE) {
        const listed = group.slice(start, start + MAX_CHANNELS_PER_SUBSCRIBE);
        // Since they were listed members may have left, or the master may have gone.
        this.#subscribe(
          listed.filter(
            ([channel, entry]) => this.#entries.get(channel) === entry && this.#isRestorable(entry),
          ),
        );
        yield;
      }
    }
  }

  #isRestorable({ state, slot }: Entry<Member>): boolean {
    return state === 'lost' && this.#linkOf(slot)?.isReady === true;
  }

  /** Gives links up whose subscriptions are not those that Redis holds for them. All are looked at in one pass over the channels. */
  async verify(links: Iterable<ShardLink>): Promise<void> {
    const byLink = new Map<ShardLink, HeldByLink>();
    for (const link of links) byLink.set(link, { counting: link.count(), live: 0, asked: new Map() });
    for (const { link, state, acknowledged } of this.#entries.values()) {
      const held = link && byLink.get(link);
      if (held === undefined || state === 'lost') continue;
      if (state === 'live') held.live += 1;
      else held.asked.set(acknowledged, (held.asked.get(acknowledged) ?? 0) + 1);
    }
    await Promise.all([...byLink].map(([link, held]) => compare(link, held)));
  }

  #open(channel: string): Entry<Member> {
    const entry: Entry<Member> = newEntry(channel);
    if (this.#linkOf(entry.slot)?.isReady !== true)
      throw new SubscriptionError('the shard cannot be reached');
    this.#add(channel, entry);
    this.#opened += 1;
    this.#subscribe([[channel, entry]], true);
    return entry;
  }

  /** Subscribes channels of one slot, whose link is ready. */
  #subscribe(group: readonly [string, Entry<Member>][], isNew = false): void {
    const [first] = group;
    const losses = this.#losses;
    const link = first && this.#linkOf(first[1].slot);
    if (link === undefined) return;
    const acknowledged = link.subscribe(group.map(([channel]) => channel));
    for (const [, entry] of group) {
      this.#turn(entry, 'pending', link);
      entry.acknowledged = acknowledged;
    }
    const meant = ([channel, entry]: readonly [string, Entry<Member>]): boolean =>
      this.#entries.get(channel) === entry &&
      entry.acknowledged === acknowledged &&
      entry.state === 'pending';
    acknowledged.then(
      () => {
        for (const [, entry] of group.filter(meant)) {
          this.#turn(entry, 'live', link);
          entry.isRefused = false;
        }
        // A member of a new one may have lost another one meanwhile, and wait for both.
        if (!isNew || losses !== this.#losses) this.#events.restored();
      },
      (reason: unknown) => {
        if (isOfOneItem(reason)) {
          this.#takeApart(group.filter(meant), group.length, reason);
          return;
        }
        for (const [channel, entry] of group.filter(meant)) {
          // Without an answer Redis may yet do it, for nobody.
          if (!(reason instanceof ReplyError)) link.unsubscribe(channel);
          this.#turn(entry, 'lost');
        }
        this.#events.refused();
      },
    );
  }

  /** Redis refused `count` channels together for one of them; these are still wanted. */
  #takeApart(group: readonly [string, Entry<Member>][], count: number, reason: Error): void {
    const [first] = group;
    if (first === undefined) return;
    if (count > 1) {
      for (const half of halves(group)) if (half.length > 0) this.#subscribe(half);
      return;
    }
    const [channel, entry] = first;
    this.#turn(entry, 'lost');
    // A member that joins after that asks anew.
    if (!entry.pinned) this.#delete(channel, entry);
    if (!entry.isRefused) this.#events.notAllowed(channel, entry.members, reason);
    entry.isRefused = true;
  }

  #lose(isLost: (entry: Entry<Member>) => boolean): void {
    const lost = new Set<string>();
    for (const [channel, entry] of this.#entries) {
      if (entry.state === 'lost' || !isLost(entry)) continue;
      entry.link?.unsubscribe(channel);
      this.#turn(entry, 'lost');
      lost.add(channel);
    }
    if (lost.size === 0) return;
    this.#losses += 1;
    const opened = this.#opened;
    this.#events.lost(lost);
    this.#events.whenTold(() => {
      this.#losses += 1;
      // Members of new ones may have been told as well, where they took the place of lost ones.
      if (this.#opened !== opened) this.#events.restored();
    });
  }

  #remove(channel: string, entry: Entry<Member>, member: Member): void {
    entry.members.delete(member);
    if (entry.members.size > 0 || this.#entries.get(channel) !== entry) return;
    this.#delete(channel, entry);
    entry.link?.unsubscribe(channel);
  }

  #add(channel: string, entry: Entry<Member>): void {
    this.#entries.set(channel, entry);
    if (entry.state === 'lost') this.#lost += 1;
  }

  #delete(channel: string, entry: Entry<Member>): void {
    this.#entries.delete(channel);
    if (entry.state === 'lost') this.#lost -= 1;
  }

  /** @param link where it is subscribed, or about to be */
  #turn(entry: Entry<Member>, state: State, link?: ShardLink): void {
    this.#lost += Number(state === 'lost') - Number(entry.state === 'lost');
    entry.state = state;
    entry.link = link;
  }
}

/** Resolves with the answer to the latest of its subscriptions, however many follow on one another. */
async function latestAnswer(entry: Entry<unknown>): Promise<void> {
  for (;;) {
    const awaited = entry.acknowledged;
    try {
      await awaited;
      if (entry.acknowledged === awaited) return;
    } catch (error) {
      if (entry.acknowledged === awaited) throw error;
    }
  }
}

/** The subscriptions of a link, as the registry knows them. */
interface HeldByLink {
  /** How many Redis holds, once it says so. */
  readonly counting: Promise<number | undefined>;
  live: number;
  /** How many each SSUBSCRIBE makes that has no answer yet. */
  readonly asked: Map<Promise<unknown>, number>;
}

/** Gives a link up where Redis holds others. */
async function compare(link: ShardLink, { counting, live, asked }: HeldByLink): Promise<void> {
  const count = await counting;
  if (count === undefined) return;
  let expected = live;
  // Before it counted Redis has answered those that were on their way, and may have refused some.
  for (const [acknowledged, channels] of asked) {
    const answer = await answerOf(acknowledged);
    // Whether it has been made nobody knows: another look tells.
    if (answer === 'none') return;
    if (answer === 'made') expected += channels;
  }
  if (count !== expected && link.isReady) link.reset();
}

/** Redis's answer to a SSUBSCRIBE. */
async function answerOf(acknowledged: Promise<unknown>): Promise<'made' | 'refused' | 'none'> {
  try {
    await acknowledged;
    return 'made';
  } catch (reason) {
    return reason instanceof ReplyError ? 'refused' : 'none';
  }
}

function newEntry<Member>(channel: string): Entry<Member> {
  return {
    slot: keySlot(channel),
    members: new Set(),
    pinned: false,
    state: 'lost',
    link: undefined,
    acknowledged: Promise.resolve(),
    isRefused: false,
  };
}
