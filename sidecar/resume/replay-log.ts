import type { GapReason } from '../../protocol/frames';
import type { Receiver } from '../fanout/deliver';
import type { Frame } from '../fanout/frame';
import type { HistoryPlace } from '../history/history-store';
import { FrameRing, type RingLimits } from './frame-ring';
import type { FrameRun } from './frame-run';
import type { TenantRings } from './ring-budget';
import { lackAt, replayFrom, type Gap, type Replay, type ResumePoint } from './resume-point';
import { SmallSet } from '../lib/small-set';

/** One socket on a replay log. */
export interface ReplayListener {
  /** A frame, and its offset in the replay log's epoch. */
  deliver(frame: Frame, offset: number): void;
  /** Frames were lost or may have been; the replay log counts on from its {@link ReplayLog.end}. */
  lost(reason: GapReason): void;
}

/** Somebody who needs a replay log, by identity: from before its socket is open. */
export interface ReplayLogHolder {
  /** Redis does not allow a channel of the replay log any longer. */
  refused?(): void;
}

/** The identity of a replay log. */
export interface ReplayIdentity {
  /** Whose share of the memory its frames take. */
  readonly tenant: string;
  /** Whose it is and what it hears: a resume point counts for nobody else. */
  readonly owner: string;
  readonly channels: readonly string[];
  /** Set on a route that relays between peers: what the replay log's client sent itself is not part of it. */
  readonly senderId: Buffer | undefined;
  /** How much is kept, and how long after the last client left. */
  readonly keeping: Keeping;
  /** Where the one channel has a history, whose count the replay log takes over. */
  readonly history?: HistoryPlace | undefined;
}

/** How much a replay log keeps. */
export interface Keeping extends RingLimits {
  /** How long it is kept after its last holder left, in milliseconds. */
  readonly lingerMs: number;
}

/** All that a replay log keeps, at one place among its channels' messages. */
export interface KeptFrames {
  readonly run: FrameRun;
  /** The count that they are in, and the offset behind the last of them. */
  readonly epoch: string;
  readonly end: number;
  /** The offset of the stream's first frame in that count; it may be less than that of any frame. Undefined when not known. */
  readonly beginning: number | undefined;
}

/**
 * The frames of a set of channels for one (tenant, user), in one order and counted. It keeps the most recent ones for
 * clients that come back.
 */
export class ReplayLog implements Receiver {
  readonly owner: string;
  readonly channels: readonly string[];
  /** Whose count it takes over. */
  readonly history: HistoryPlace | undefined;
  /** Those who need it. */
  readonly holders = new SmallSet<ReplayLogHolder>();
  readonly #ring: FrameRing;
  readonly #rings: TenantRings;
  readonly #listeners = new SmallSet<ReplayListener>();
  #senderId: Buffer | undefined;
  #epoch: string;
  #isOpen = false;
  #interrupted = false;
  #keeps = true;
  /** The offset of the first frame of its stream, once that is known. */
  #beginning: number | undefined;
  /** Nobody else has frames of its stream that are missing here. */
  #hasAll = false;

  /** @param rings the tenant's account, which its frames are counted in until {@link stopKeeping} */
  constructor(identity: ReplayIdentity, epoch: string, rings: TenantRings, firstOffset: number) {
    this.owner = identity.owner;
    this.channels = identity.channels;
    this.history = identity.history;
    this.#senderId = identity.senderId;
    this.#epoch = epoch;
    this.#rings = rings;
    this.#ring = new FrameRing(identity.keeping, rings, firstOffset);
  }

  /** Whose share of the memory, and of the loop's time, it takes. */
  get tenant(): string {
    return this.#rings.tenant;
  }

  /** Set on a route that relays between peers: what goes out under it is not part of the replay log. */
  get senderId(): Buffer | undefined {
    return this.#senderId;
  }

  /** Names the count of offsets. */
  get epoch(): string {
    return this.#epoch;
  }

  /** The offset of the oldest frame that is kept. */
  get start(): number {
    return this.#ring.start;
  }

  /** The offset of the next frame. */
  get end(): number {
    return this.#ring.end;
  }

  /** Whether its stream's beginning is known, here or by another bridge. */
  get isBegun(): boolean {
    return this.#beginning !== undefined;
  }

  /** Whether all of its stream is kept. */
  get isWhole(): boolean {
    return this.#beginning !== undefined && this.#ring.start <= this.#beginning;
  }

  /** Whether it has, or had, all frames of its stream that any bridge has: none need be asked. */
  get hasAll(): boolean {
    return this.#hasAll;
  }

  /** Whether it counts. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether its subscriptions were lost and are not all back. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** The frames that were missed since `point`. */
  replay(point: ResumePoint): Replay<Frame> | Gap<'unknown' | 'expired'> {
    return replayFrom(point, this.#epoch, this.#ring);
  }

  /** Why not all frames since `point` are kept; undefined when they are. */
  lack(point: ResumePoint): 'unknown' | 'expired' | undefined {
    return lackAt(point, this.#epoch, this.#ring);
  }

  /** Some of the frames from `offset` on, which is kept: so many that they have `maxBytes`. */
  some(offset: number, maxBytes: number): readonly Frame[] {
    return this.#ring.some(offset, maxBytes);
  }

  /** All that is kept now. */
  kept(): KeptFrames {
    return { run: this.#ring.run(), epoch: this.#epoch, end: this.#ring.end, beginning: this.#beginning };
  }

  /** Nothing of its stream was published before: its first frame is the stream's. */
  begin(): void {
    this.#beginning = this.#ring.end;
    this.#hasAll = true;
  }

  /** Something of its stream may have been published before after all. */
  unbegin(): void {
    this.#beginning = undefined;
    this.#hasAll = false;
  }

  /** No other bridge has more of its stream. */
  settle(): void {
    this.#hasAll = true;
  }

  /**
   * Another bridge's frames end here, and this replay log's begin.
   * @param senderId the client's on the other bridge, which it keeps
   */
  cut(senderId: Buffer | undefined): ResumePoint {
    // Until now its own messages counted as others'.
    if (this.#senderId !== undefined) {
      this.#senderId = senderId ?? this.#senderId;
      this.#ring.clear();
    }
    return { epoch: this.#epoch, offset: this.#ring.end };
  }

  /**
   * Puts another bridge's frames before a {@link cut}, as far as they are not here already.
   * @param before how many frames of the stream were before the first of them; undefined when that is not known
   * @returns the point of the first of them
   */
  precede({ epoch, offset }: ResumePoint, run: FrameRun, before?: number): ResumePoint {
    const first = offset - run.size;
    // Once frames from behind the cut had to go, none from before it can follow on to what is kept.
    if (epoch === this.#epoch && this.#ring.start <= offset) {
      if (before !== undefined) this.#beginning = first - before;
      const missing = Math.max(0, Math.min(run.size, this.#ring.start - first));
      this.#prepend(run.first(missing));
    }
    return { epoch, offset: first };
  }

  /** All its subscriptions are acknowledged: counts from now on. */
  open(): void {
    this.#isOpen = true;
  }

  deliver(frame: Frame): void {
    // Until all channels are there frames of others may be missing between those of one: no order that another
    // bridge has as well. Once they are lost, the gap that follows when all are back covers these too.
    if (!this.#isOpen || this.#interrupted) return;
    const offset = this.#ring.end;
    if (this.#keeps) {
      this.#ring.push(frame);
      this.#rings.settle();
    } else this.#ring.skip();
    for (const listener of this.#listeners) listener.deliver(frame, offset);
  }

  refused(): void {
    for (const holder of this.holders.snapshot()) holder.refused?.();
  }

  listen(listener: ReplayListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: ReplayListener): void {
    this.#listeners.delete(listener);
  }

  /** Keeps its frames for those who come back, from now on. */
  startKeeping(): void {
    this.#keeps = true;
  }

  /** Forgets its frames and keeps no more, but counts them: who comes back learns that they are gone. */
  stopKeeping(): void {
    this.#keeps = false;
    this.#ring.clear();
  }

  #prepend(run: FrameRun): void {
    if (!this.#keeps || run.size === 0) return;
    this.#ring.prepend(run);
    this.#rings.settle();
  }

  /** The subscriptions are lost, or given back. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** The subscriptions are back: counts on in a new epoch, and tells every listener of the gap. */
  restore(epoch: string): void {
    this.recount({ epoch, offset: this.end }, 'redis');
  }

  /** The subscriptions are back, and nothing that has come since they were lost is missing. */
  resume(): void {
    this.#interrupted = false;
  }

  /**
   * Counts on from another point, and tells every listener of the gap.
   * @param beginning the offset of the first frame of the stream, where the count is the stream's own
   */
  recount({ epoch, offset }: ResumePoint, reason: GapReason, beginning?: number): void {
    this.#interrupted = false;
    this.#epoch = epoch;
    // Without it another bridge may have heard what was published meanwhile, and all before it.
    this.#beginning = beginning;
    this.#hasAll = beginning !== undefined;
    this.#ring.startAt(offset);
    for (const listener of this.#listeners) listener.lost(reason);
  }
}
