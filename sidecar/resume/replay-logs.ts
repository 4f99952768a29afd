import type { Receiver } from '../fanout/deliver';
import type { LoopShares } from '../lib/loop-shares';
import { type ResumePoint, epochOf } from './resume-point';
import type { RingLimits } from './frame-ring';
import type { Lingering, RingBudget, TenantRings } from './ring-budget';
import { SmallSet } from '../lib/small-set';
import { Stream, type StreamIdentity } from './replay-log';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import { SubscriptionError, type Registry } from '../pubsub/channel-registry';

/** What streams live by. */
export interface StreamsContext {
  readonly subscriptions: Registry<Receiver>;
  readonly wheel: TimerWheel;
  readonly shares: LoopShares;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
  /** Begins every epoch of this bridge: 16 hexadecimal digits. */
  readonly bridgeId: string;
  readonly limits: RingLimits;
  /** What the frames of all streams may take together. */
  readonly budget: RingBudget;
  /** The offset of a stream's first frame. */
  readonly firstOffset: number;
  /** How long a stream is kept after its last holder left, in milliseconds. */
  readonly lingerMs: number;
}

/** Somebody who needs a stream, by identity. */
export type StreamHolder = object;

interface Entry {
  readonly stream: Stream;
  readonly rings: TenantRings;
  readonly holders: SmallSet<StreamHolder>;
  /** Settles when all its channels are subscribed, or one of them cannot be. */
  readonly subscribed: Promise<unknown>;
  /** Whether a client of it was ever open. */
  wasUsed: boolean;
  linger: { readonly end: Timer; readonly turn: Lingering } | undefined;
}

/**
 * The streams of the clients that can resume. Those of one owner share a stream, except where each client has its
 * own, because what it sent itself is left out of it.
 */
export class Streams {
  readonly #context: StreamsContext;
  readonly #owner = Symbol('streams');
  readonly #byStream = new Map<Stream, Entry>();
  readonly #byEpoch = new Map<string, Stream>();
  /** Those that are shared. */
  readonly #byOwner = new Map<string, Stream>();
  readonly #interrupted = new Set<Stream>();
  readonly #onEmpty: (() => void)[] = [];
  #epochCount = 0;

  constructor(context: StreamsContext) {
    this.#context = context;
  }

  /** How many streams are held or linger. */
  get size(): number {
    return this.#byStream.size;
  }

  /**
   * Holds the stream that `point` names when it is the owner's, else the one that the owner's clients share,
   * else a new one. Subscribing begins at once: await {@link subscribed}.
   * @throws SubscriptionError while lost subscriptions are being made again
   */
  hold(identity: StreamIdentity, point: ResumePoint | undefined, holder: StreamHolder): Stream {
    const stream = this.#find(identity, point) ?? this.#create(identity);
    if (stream.interrupted) throw new SubscriptionError('the subscription is not back yet');
    this.keep(stream, holder);
    return stream;
  }

  /** The owner's stream with this epoch. */
  find({ epoch, owner }: { readonly epoch: string; readonly owner: string }): Stream | undefined {
    const stream = this.#byEpoch.get(epoch);
    return stream?.owner === owner ? stream : undefined;
  }

  /** Holds a stream that is there. */
  keep(stream: Stream, holder: StreamHolder): void {
    const entry = this.#entryOf(stream);
    stopLingering(entry);
    stream.startKeeping();
    entry.holders.add(holder);
  }

  /**
   * Resolves once whatever is published reaches the stream.
   * @throws SubscriptionError when Redis is unreachable
   */
  async subscribed(stream: Stream): Promise<void> {
    await this.#entryOf(stream).subscribed;
  }

  /** A client of the stream is open, and may come back to it. */
  use(stream: Stream): void {
    const entry = this.#byStream.get(stream);
    if (entry !== undefined) entry.wasUsed = true;
  }

  /**
   * Lets go of a stream. It then lingers when a client of it was ever open: a handshake that is refused leaves none behind. Does
   * nothing for who does not hold it.
   */
  release(stream: Stream, holder: StreamHolder): void {
    const entry = this.#byStream.get(stream);
    if (entry?.holders.delete(holder) !== true || entry.holders.size > 0) return;
    if (!entry.wasUsed || stream.interrupted) {
      this.discard(stream);
      return;
    }
    const { wheel, monotonicMs, lingerMs, budget } = this.#context;
    const end = wheel.add(monotonicMs() + lingerMs, () => {
      this.discard(stream);
    });
    entry.linger = { end, turn: budget.linger(stream, entry.rings) };
  }

  /** Forgets a stream and its frames now. */
  discard(stream: Stream): void {
    const entry = this.#byStream.get(stream);
    if (entry === undefined) return;
    stopLingering(entry);
    this.#byStream.delete(stream);
    this.#interrupted.delete(stream);
    this.#byEpoch.delete(stream.epoch);
    if (this.#byOwner.get(stream.owner) === stream) this.#byOwner.delete(stream.owner);
    for (const channel of stream.channels) this.#context.subscriptions.leave(channel, stream);
    stream.interrupt();
    stream.stopKeeping();
    this.#context.budget.close(entry.rings);
    if (this.#byStream.size === 0) for (const notify of this.#onEmpty.splice(0)) notify();
  }

  /** Resolves when no stream is left. */
  async allGone(): Promise<void> {
    if (this.#byStream.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** The subscriptions of these channels are lost. What only lingers is given up. */
  interrupt(channels: Iterable<string>): void {
    const streams = [...this.#streamsOn(channels)];
    // At once: what comes for them from now on is not counted.
    for (const stream of streams) {
      stream.interrupt();
      this.#interrupted.add(stream);
    }
    this.#context.shares.run(this.#owner, this.#giveUp(streams));
  }

  /** Lost subscriptions are back: counts on where all of a stream's are. One that has to wait for it stays interrupted. */
  restore(): void {
    this.#context.shares.run(this.#owner, this.#restore([...this.#interrupted]));
  }

  /** Forgets every stream. */
  clear(): void {
    for (const stream of [...this.#byStream.keys()]) this.discard(stream);
  }

  *#giveUp(streams: readonly Stream[]): Generator<undefined, undefined> {
    for (const stream of streams) {
      if (!this.#interrupted.has(stream) || this.#byStream.get(stream)?.holders.size !== 0) continue;
      this.discard(stream);
      yield;
    }
  }

  *#restore(streams: readonly Stream[]): Generator<undefined, undefined> {
    for (const stream of streams) {
      // Since it was listed they may be lost again, or it may be restored or given up.
      if (!this.#interrupted.has(stream)) continue;
      if (!stream.channels.every((channel) => this.#context.subscriptions.isLive(channel))) continue;
      this.#interrupted.delete(stream);
      this.#byEpoch.delete(stream.epoch);
      const epoch = this.#newEpoch();
      this.#byEpoch.set(epoch, stream);
      stream.restore(epoch);
      yield;
    }
  }

  #streamsOn(channels: Iterable<string>): ReadonlySet<Stream> {
    const streams = new Set<Stream>();
    for (const channel of channels) {
      for (const member of this.#context.subscriptions.members(channel)) {
        if (member instanceof Stream) streams.add(member);
      }
    }
    return streams;
  }

  #find(identity: StreamIdentity, point: ResumePoint | undefined): Stream | undefined {
    const named = point === undefined ? undefined : this.#byEpoch.get(point.epoch);
    return named?.owner === identity.owner ? named : this.#byOwner.get(identity.owner);
  }

  #create(identity: StreamIdentity): Stream {
    const { subscriptions, limits, budget, firstOffset } = this.#context;
    const rings = budget.open(identity.tenant);
    const stream = new Stream(identity, this.#newEpoch(), limits, rings, firstOffset);
    const joined = Promise.all(identity.channels.map((channel) => subscriptions.join(channel, stream)));
    const subscribed = joined.then(() => {
      stream.open();
    });
    // Whoever awaits it hears of it; nobody may be left to.
    subscribed.catch(() => undefined);
    const holders = new SmallSet<StreamHolder>();
    this.#byStream.set(stream, { stream, rings, holders, subscribed, wasUsed: false, linger: undefined });
    this.#byEpoch.set(stream.epoch, stream);
    if (identity.senderId === undefined) this.#byOwner.set(identity.owner, stream);
    return stream;
  }

  #entryOf(stream: Stream): Entry {
    const entry = this.#byStream.get(stream);
    if (entry === undefined) throw new SubscriptionError('the stream was given up');
    return entry;
  }

  #newEpoch(): string {
    this.#epochCount += 1;
    return epochOf(this.#context.bridgeId, this.#epochCount);
  }
}

function stopLingering(entry: Entry): void {
  entry.linger?.end.cancel();
  entry.linger?.turn.end();
  entry.linger = undefined;
}
