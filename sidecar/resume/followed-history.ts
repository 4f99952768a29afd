import type { GapReason } from '../../protocol/frames';
import { isRefusedWrite } from '../../redis/refused-write';
import type { Frame } from '../fanout/frame';
import type { Histories } from '../history/histories';
import { historyOf } from '../history/history-epoch';
import { ANY_HISTORY, type AskedFrames, type HistoryCut, type HistoryPlace } from '../history/history-store';
import type { Urgency } from '../lib/fair-turns';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import type { HistoryOutcome } from '../metrics/outcomes';
import type { ReplayLog } from './replay-log';
import { FrameRun } from './frame-run';
import { OLDEST, type ResumeFrom, type ResumePoint } from './resume-point';

/** How often a replay log is compared with its history while frames come, and a history kept for longer, in milliseconds at most. */
const COMPARE_INTERVAL_MS = 10_000;
/** So many times at least in the time that a history is kept. */
const COMPARED_IN_KEPT = 3;
/** Between two attempts to catch up, in milliseconds. */
const RETRY_MS = 500;
/** So long a history that cannot be read is tried again, before clients are told of a gap, in milliseconds. */
export const GIVE_UP_MS = 10_000;

/** A history is followed with these. */
export interface FollowedHistoryContext {
  readonly histories: Histories;
  readonly wheel: TimerWheel;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
  /** Whether somebody holds the replay log. */
  readonly isHeld: () => boolean;
  /** Whether the channel's subscription is there. */
  readonly isLive: () => boolean;
  /** An epoch of this bridge's own. */
  readonly newEpoch: () => string;
  /** The replay log is no longer interrupted. */
  readonly onBack: () => void;
  readonly onOutcome: (place: HistoryPlace, outcome: HistoryOutcome, reason?: unknown) => void;
}

/**
 * Keeps the count of a replay log that of its channel's history. Each time that the history is read the two are compared at
 * one place among the messages.
 */
export class FollowedHistory {
  readonly place: HistoryPlace;
  readonly #log: ReplayLog;
  readonly #context: FollowedHistoryContext;
  /** How far the replay log had counted when the two were compared last. */
  #comparedEnd = 0;
  #timer: Timer | undefined;
  #isCatchingUp = false;
  #isLookedAt = false;
  /** When it is no longer tried to catch up. */
  #giveUpAtMs: number | undefined;
  #isClosed = false;

  constructor(log: ReplayLog, place: HistoryPlace, context: FollowedHistoryContext) {
    this.#log = log;
    this.place = place;
    this.#context = context;
  }

  /**
   * The replay log's channel is subscribed: it counts as the history does, from now on.
   * @param from where the client begins that it is made for
   * @throws when Redis is unreachable
   */
  async begin(from: ResumeFrom): Promise<void> {
    try {
      await this.#read(from, 'awaited', (cut, since) => {
        this.#recount({ epoch: cut.epoch, offset: cut.end }, 'unknown');
        this.#precede(cut);
        this.#open(since);
      });
      this.#tell('followed');
    } catch (error) {
      if (!isRefusedWrite(error)) throw error;
      // There is none, and none can begin: the bridge counts by itself until there is one.
      this.#open([]);
      this.#tell('failed', error);
    }
  }

  /**
   * Brings into the replay log what it has not of the frames that are asked for, as far as they are kept and it has room.
   * @throws when Redis is unreachable
   */
  async bring(from: ResumeFrom): Promise<void> {
    const log = this.#log;
    const hasAll = from === OLDEST ? log.isWhole : from === undefined || log.lack(from) === undefined;
    if (hasAll) return;
    await this.#read(from, 'awaited', (cut, since) => {
      this.#compare(cut, since);
      this.#precede(cut);
    });
  }

  /** The channel's subscription is lost: once it is back there is all of the time again to catch up. */
  lost(): void {
    this.#giveUpAtMs = undefined;
  }

  /** The channel's lost subscription is back: tells the listeners of all that was missed, as soon as Redis says it. */
  catchUp(): void {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    void this.#tryToCatchUp();
  }

  /**
   * Compares the counts, when the replay log has counted since they were last, and keeps the history for longer. One that waits is
   * enough. Never rejects.
   */
  async look(): Promise<void> {
    if (this.#isLookedAt) return;
    this.#isLookedAt = true;
    try {
      await this.#look();
    } catch (error) {
      this.#failed(error);
    }
    this.#isLookedAt = false;
  }

  /** One that ended under its clients would begin anew, and each of them be told of a gap. */
  get #intervalMs(): number {
    return Math.min(COMPARE_INTERVAL_MS, this.place.keptMs / COMPARED_IN_KEPT);
  }

  /** The replay log is gone. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    if (this.#log.end === this.#comparedEnd && (await this.#context.histories.renew(this.place))) return;
    await this.#read(undefined, 'later', (cut, since) => {
      this.#compare(cut, since);
    });
  }

  /** Never rejects. */
  async #tryToCatchUp(): Promise<void> {
    const { monotonicMs, isLive, newEpoch, onBack } = this.#context;
    const log = this.#log;
    try {
      await this.#readMissed();
    } catch (error) {
      this.#failed(error);
    }
    this.#isCatchingUp = false;
    if (this.#isClosed) return;
    // One whose subscription is lost again is told when it is back.
    if (log.interrupted && !isLive()) return;
    if (log.interrupted && monotonicMs() < this.#deadlineMs()) {
      this.#schedule(RETRY_MS);
      return;
    }
    this.#giveUpAtMs = undefined;
    if (log.interrupted) log.restore(newEpoch());
    onBack();
  }

  #deadlineMs(): number {
    return (this.#giveUpAtMs ??= this.#context.monotonicMs() + GIVE_UP_MS);
  }

  async #readMissed(): Promise<void> {
    const log = this.#log;
    const from = { epoch: log.epoch, offset: log.end };
    await this.#read(from, 'later', (cut, since) => {
      // Somebody else has read the history meanwhile.
      if (!log.interrupted) return;
      const { epoch, end, frames } = cut;
      const first = end - frames.length;
      const isKnown = epoch === from.epoch && end >= from.offset;
      if (!isKnown) this.#recount({ epoch, offset: end }, 'redis');
      else if (first > from.offset) this.#recount({ epoch, offset: first }, 'expired');
      else log.resume();
      for (const frame of isKnown ? [...frames, ...since] : since) log.deliver(frame);
      this.#comparedEnd = log.end;
      this.#tell(isKnown && first <= from.offset ? 'caught_up' : 'recounted');
    });
  }

  /** Looks at the history after a while, and again and again. */
  #schedule(afterMs: number): void {
    const { wheel, monotonicMs, isHeld, isLive } = this.#context;
    this.#timer?.cancel();
    this.#timer = wheel.add(monotonicMs() + afterMs, () => {
      this.#schedule(this.#intervalMs);
      if (!isHeld() || !isLive()) return;
      if (this.#log.interrupted) this.catchUp();
      else void this.look();
    });
  }

  #read<T>(
    from: ResumeFrom,
    urgency: Urgency,
    take: (cut: HistoryCut, since: readonly Frame[]) => T,
  ): Promise<T> {
    const { tenant } = this.#log;
    const isWanted = (): boolean => !this.#isClosed;
    const question = { place: this.place, tenant, asked: askedOf(from), urgency, isWanted };
    return this.#context.histories.read(question, take);
  }

  /** In the count of a history its first frame is the stream's. */
  #recount(point: ResumePoint, reason: GapReason): void {
    this.#log.recount(point, reason, 0);
  }

  #open(since: readonly Frame[]): void {
    if (!this.#isClosed) this.#schedule(this.#intervalMs);
    this.#log.open();
    for (const frame of since) this.#log.deliver(frame);
    this.#comparedEnd = this.#log.end;
  }

  #precede({ epoch, end, frames }: HistoryCut): void {
    this.#log.precede({ epoch, offset: end }, FrameRun.of(frames));
  }

  #compare({ epoch, end }: HistoryCut, since: readonly Frame[]): void {
    const log = this.#log;
    // A later look compares it, when the replay log catches up.
    if (log.interrupted || !log.isOpen) return;
    const offset = end + since.length;
    const isSame = historyOf(log.epoch)?.begun === historyOf(epoch)?.begun;
    if (!isSame || log.end !== offset) {
      this.#recount({ epoch, offset }, 'unknown');
      this.#tell('recounted');
    }
    this.#comparedEnd = log.end;
  }

  /** Nobody misses the history of a replay log that is gone. */
  #failed(error: unknown): void {
    if (!this.#isClosed) this.#tell('failed', error);
  }

  #tell(outcome: HistoryOutcome, reason?: unknown): void {
    this.#context.onOutcome(this.place, outcome, reason);
  }
}

function askedOf(from: ResumeFrom): AskedFrames | undefined {
  if (from === OLDEST) return { begun: ANY_HISTORY, offset: 0 };
  const named = from && historyOf(from.epoch);
  return named && { begun: named.begun, offset: from.offset };
}
