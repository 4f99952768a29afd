import type { Receiver } from '../fanout/deliver';
import type { Histories } from '../history/histories';
import { stepsOver, type LoopShares, type Steps } from '../lib/loop-shares';
import { RepeatedPass } from '../lib/repeated-pass';
import { type ResumeFrom, epochOf } from './resume-point';
import type { Lingering, RingBudget, TenantRings } from './ring-budget';
import { GivenUp, type AskedLog } from './given-up';
import { LingeringLogs } from './lingering-logs';
import { FollowedHistory, type FollowedHistoryContext } from './followed-history';
import { ReplayLog, type ReplayIdentity, type ReplayLogHolder } from './replay-log';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import { SubscriptionError, type ChannelRegistry } from '../pubsub/channel-registry';
import type { LostChannels } from '../pubsub/subscriber';

/** Replay logs live by these. */
export interface ReplayLogsContext {
  readonly subscriptions: ChannelRegistry<Receiver>;
  readonly wheel: TimerWheel;
  readonly shares: LoopShares;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
  /** Begins every epoch of this bridge: 16 hexadecimal digits. */
  readonly bridgeId: string;
  /** The most that the frames of all replay logs may take together. */
  readonly budget: RingBudget;
  /** The offset of a replay log's first frame. */
  readonly firstOffset: number;
  /** For the channels that have one; by default none has. */
  readonly histories?: Histories;
  /** Told what came of each reading of a history. */
  readonly onHistory?: FollowedHistoryContext['onOutcome'];
  /** Told of each replay log that is given up for its channel. */
  readonly onGivenUp?: () => void;
}

/** So many channels, or replay logs, are looked at at a stretch. */
const LOOKED_AT_A_STEP = 64;

interface Entry {
  readonly log: ReplayLog;
  readonly rings: TenantRings;
  readonly lingerMs: number;
  /** Settles when all its channels are subscribed, or one of them cannot be; undefined once they are. */
  subscribed: Promise<unknown> | undefined;
  /** Where its channel has one. */
  readonly history: FollowedHistory | undefined;
  /** Whether a client of it was ever open. */
  wasUsed: boolean;
  linger: { readonly end: Timer; readonly turn: Lingering } | undefined;
}

/**
 * The replay logs of the clients that can resume. Those of one owner share a replay log, except where each client has its
 * own, because what it sent itself is left out of it.
 */
export class ReplayLogs {
  readonly #context: ReplayLogsContext;
  readonly #owner = Symbol('streams');
  readonly #byStream = new Map<ReplayLog, Entry>();
  readonly #byEpoch = new Map<string, ReplayLog>();
  /** Those that are shared. */
  readonly #byOwner = new Map<string, ReplayLog>();
  readonly #interrupted = new Set<ReplayLog>();
  readonly #lingering = new LingeringLogs<ReplayLog>();
  readonly #givenUp = new GivenUp();
  readonly #onEmpty: (() => void)[] = [];
  /** Many subscriptions are back one after the other, and each time all that are interrupted are looked at. */
  readonly #restoring: RepeatedPass;
  #epochCount = 0;

  constructor(context: ReplayLogsContext) {
    this.#context = context;
    this.#restoring = new RepeatedPass(
      (steps) => {
        context.shares.run(this.#owner, steps);
      },
      () => this.#restore([...this.#interrupted]),
    );
  }

  /** How many replay logs are held or linger. */
  get size(): number {
    return this.#byStream.size;
  }

  /**
   * Holds the replay log that `from` names when it is the owner's, else the one that the owner's clients share,
   * else a new one. Subscribing begins at once: await {@link subscribed}.
   * @throws SubscriptionError while lost subscriptions are being made again
   */
  hold(identity: ReplayIdentity, from: ResumeFrom, holder: ReplayLogHolder): ReplayLog {
    const log = this.#find(identity, from) ?? this.#create(identity, from);
    if (log.interrupted) throw new SubscriptionError('the subscription is not back yet');
    this.keep(log, holder);
    return log;
  }

  /** The owner's replay log with this epoch. */
  find({ epoch, owner }: { readonly epoch: string; readonly owner: string }): ReplayLog | undefined {
    const log = this.#byEpoch.get(epoch);
    return log?.owner === owner ? log : undefined;
  }

  /** The replay log that the owner's clients share. */
  shared(owner: string): ReplayLog | undefined {
    return this.#byOwner.get(owner);
  }

  /** Whether nothing stands between Redis and the replay log, which is told of a lost subscription a while later. */
  isHeard(log: ReplayLog): boolean {
    return log.channels.every((channel) => this.#context.subscriptions.isLive(channel));
  }

  /** Why a replay log that is asked for is not there. */
  lackOf(asked: AskedLog): 'unknown' | 'expired' {
    return this.#givenUp.has(asked) ? 'expired' : 'unknown';
  }

  /**
   * Gives a channel up that is heard for replay logs alone that linger: for the one whose last client left first.
   * @returns whether there was one
   */
  makeRoom(): boolean {
    const { subscriptions, onGivenUp } = this.#context;
    const channel = this.#lingering.channelToFree((name) => subscriptions.members(name).size);
    if (channel === undefined) return false;
    for (const log of [...this.#streamsOn(channel)]) {
      // Who follows a history gets all of it from there.
      if (log.history === undefined) this.#givenUp.add(log);
      this.discard(log);
      onGivenUp?.();
    }
    return true;
  }

  /** Holds a replay log that is there. */
  keep(log: ReplayLog, holder: ReplayLogHolder): void {
    const entry = this.#entryOf(log);
    this.#stopLingering(entry);
    log.startKeeping();
    log.holders.add(holder);
  }

  /**
   * Resolves once whatever is published reaches the replay log.
   * @throws SubscriptionError when Redis is unreachable
   */
  subscribed(log: ReplayLog): Promise<unknown> {
    return this.#entryOf(log).subscribed ?? Promise.resolve();
  }

  /**
   * Brings into a replay log what it has not of its channel's history, where there is one.
   * @throws when Redis is unreachable
   */
  bring(log: ReplayLog, from: ResumeFrom): Promise<void> | undefined {
    return this.#entryOf(log).history?.bring(from);
  }

  /** A client of the replay log is open, and may come back to it. */
  use(log: ReplayLog): void {
    const entry = this.#byStream.get(log);
    if (entry !== undefined) entry.wasUsed = true;
  }

  /**
   * Lets go of a replay log. It then lingers when a client of it was ever open: a handshake that is refused leaves none behind. Does
   * nothing for who does not hold it.
   */
  release(log: ReplayLog, holder: ReplayLogHolder): void {
    const entry = this.#byStream.get(log);
    if (entry === undefined || !log.holders.delete(holder) || log.holders.size > 0) return;
    if (!entry.wasUsed || log.interrupted) {
      this.discard(log);
      return;
    }
    const { wheel, monotonicMs, budget } = this.#context;
    const end = wheel.add(monotonicMs() + entry.lingerMs, () => {
      this.discard(log);
    });
    entry.linger = { end, turn: budget.linger(log, entry.rings) };
    this.#lingering.add(log);
  }

  /** Forgets a replay log and its frames now. */
  discard(log: ReplayLog): void {
    const entry = this.#byStream.get(log);
    if (entry === undefined) return;
    this.#stopLingering(entry);
    entry.history?.close();
    this.#byStream.delete(log);
    this.#interrupted.delete(log);
    this.#byEpoch.delete(log.epoch);
    if (this.#byOwner.get(log.owner) === log) this.#byOwner.delete(log.owner);
    for (const channel of log.channels) this.#context.subscriptions.leave(channel, log);
    log.interrupt();
    log.stopKeeping();
    this.#context.budget.close(entry.rings);
    if (this.#byStream.size === 0) for (const notify of this.#onEmpty.splice(0)) notify();
  }

  /** Resolves when no replay log is left. */
  async allGone(): Promise<void> {
    if (this.#byStream.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /**
   * The subscriptions of these channels are lost. From its step on a replay log counts nothing; one that only lingers is dropped.
   * Before the last step none of them may be made again.
   */
  interrupt(channels: LostChannels): Steps {
    this.#context.histories?.lost(channels);
    let looked = 0;
    return stepsOver(channels, (channel) => {
      looked += 1;
      return this.#interruptOn(channel) || looked % LOOKED_AT_A_STEP === 0;
    });
  }

  /** Lost subscriptions are back: counts on where all of a replay log's are. One that has to wait for it stays interrupted. */
  restore(): void {
    this.#restoring.ask();
  }

  /** Forgets every replay log that is there, in shares of the loop's time. */
  giveUpAll(): void {
    const steps = stepsOver([...this.#byStream.keys()], (log) => {
      this.discard(log);
      return true;
    });
    this.#context.shares.run(this.#owner, steps);
  }

  /** Forgets every replay log now. */
  clear(): void {
    for (const log of [...this.#byStream.keys()]) this.discard(log);
  }

  /** @returns whether one of them was dropped */
  #interruptOn(channel: string): boolean {
    const dropped: ReplayLog[] = [];
    for (const log of this.#streamsOn(channel)) {
      log.interrupt();
      this.#interrupted.add(log);
      this.#byStream.get(log)?.history?.lost();
      if (log.holders.size === 0) dropped.push(log);
    }
    for (const log of dropped) this.discard(log);
    return dropped.length > 0;
  }

  *#restore(streams: readonly ReplayLog[]): Generator<undefined, undefined> {
    let looked = 0;
    for (const log of streams) {
      // One of two connections may be back, and all of the other's are looked at in vain.
      if ((looked += 1) % LOOKED_AT_A_STEP === 0) yield;
      // Since it was listed they may be lost again, or it may be restored or dropped.
      if (!this.#interrupted.has(log)) continue;
      if (!this.isHeard(log)) continue;
      const history = this.#byStream.get(log)?.history;
      if (history === undefined) this.#restoreCounted(log);
      else history.catchUp();
      yield;
    }
  }

  #restoreCounted(log: ReplayLog): void {
    this.#interrupted.delete(log);
    this.#byEpoch.delete(log.epoch);
    const epoch = this.#newEpoch();
    this.#byEpoch.set(epoch, log);
    log.restore(epoch);
  }

  *#streamsOn(channel: string): Generator<ReplayLog, undefined> {
    for (const member of this.#context.subscriptions.members(channel)) {
      if (member instanceof ReplayLog) yield member;
    }
  }

  #find(identity: ReplayIdentity, from: ResumeFrom): ReplayLog | undefined {
    const named = typeof from === 'object' ? this.#byEpoch.get(from.epoch) : undefined;
    return named?.owner === identity.owner ? named : this.#byOwner.get(identity.owner);
  }

  #create(identity: ReplayIdentity, from: ResumeFrom): ReplayLog {
    const { subscriptions, budget, firstOffset } = this.#context;
    const rings = budget.open(identity.tenant);
    const log = new ReplayLog(identity, this.#newEpoch(), rings, firstOffset);
    const joins = identity.channels.map((channel) => subscriptions.join(channel, log));
    const joined: Promise<unknown> =
      joins[0] !== undefined && joins.length === 1 ? joins[0] : Promise.all(joins);
    const history = this.#historyOf(log);
    const subscribed = joined.then(() => {
      if (history !== undefined) return history.begin(from);
      log.open();
      return undefined;
    });
    const entry: Entry = {
      log,
      rings,
      lingerMs: identity.keeping.lingerMs,
      subscribed,
      history,
      wasUsed: false,
      linger: undefined,
    };
    // A caller that waits hears of a failure; nobody may be left to.
    subscribed.then(
      () => {
        entry.subscribed = undefined;
      },
      () => undefined,
    );
    this.#byStream.set(log, entry);
    if (history === undefined) this.#byEpoch.set(log.epoch, log);
    if (identity.senderId === undefined) this.#byOwner.set(identity.owner, log);
    return log;
  }

  #historyOf(log: ReplayLog): FollowedHistory | undefined {
    const { wheel, monotonicMs, histories, onHistory = () => undefined } = this.#context;
    if (log.history === undefined || histories === undefined) return undefined;
    return new FollowedHistory(log, log.history, {
      ...{ histories, wheel, monotonicMs },
      isHeld: () => log.holders.size > 0,
      isLive: () => this.isHeard(log),
      newEpoch: () => this.#newEpoch(),
      onBack: () => {
        this.#interrupted.delete(log);
      },
      onOutcome: onHistory,
    });
  }

  #entryOf(log: ReplayLog): Entry {
    const entry = this.#byStream.get(log);
    if (entry === undefined) throw new SubscriptionError('the stream was given up');
    return entry;
  }

  #stopLingering(entry: Entry): void {
    this.#lingering.remove(entry.log);
    entry.linger?.end.cancel();
    entry.linger?.turn.end();
    entry.linger = undefined;
  }

  #newEpoch(): string {
    this.#epochCount += 1;
    return epochOf(this.#context.bridgeId, this.#epochCount);
  }
}
