import type { Receiver } from '../fanout/deliver';
import type { Frame } from '../fanout/frame';
import { FrameRing, type RingLimits } from './frame-ring';
import type { TenantRings } from './ring-budget';
import { replayFrom, type Gap, type Replay, type ResumePoint } from './resume-point';
import { SmallSet } from '../lib/small-set';

/** One socket on a replay log. */
export interface ReplayListener {
  /** A frame, and its offset in the replay log's epoch. */
  deliver(frame: Frame, offset: number): void;
  /** Frames were lost with the connection to Redis; a new epoch counts on. */
  lost(): void;
  /** Redis does not allow a channel of the replay log any longer. */
  refused(): void;
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
}

/**
 * The frames of a set of channels for one (tenant, user), in one order and counted. It keeps the most recent ones for
 * clients that come back.
 */
export class ReplayLog implements Receiver {
  readonly owner: string;
  readonly channels: readonly string[];
  readonly #ring: FrameRing;
  readonly #rings: TenantRings;
  readonly #listeners = new SmallSet<ReplayListener>();
  #senderId: Buffer | undefined;
  #epoch: string;
  #isOpen = false;
  #interrupted = false;
  #keeps = true;

  /** @param rings the tenant's account, which its frames are counted in until {@link stopKeeping} */
  constructor(
    identity: ReplayIdentity,
    epoch: string,
    limits: RingLimits,
    rings: TenantRings,
    firstOffset: number,
  ) {
    this.owner = identity.owner;
    this.channels = identity.channels;
    this.#senderId = identity.senderId;
    this.#epoch = epoch;
    this.#rings = rings;
    this.#ring = new FrameRing(limits, rings, firstOffset);
  }

  /** Set on a route that relays between peers: what goes out under it is not part of the replay log. */
  get senderId(): Buffer | undefined {
    return this.#senderId;
  }

  /** Names the count of offsets. */
  get epoch(): string {
    return this.#epoch;
  }

  /** The offset of the next frame. */
  get end(): number {
    return this.#ring.end;
  }

  /** Whether its subscriptions were lost and are not all back. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** The frames that were missed since `point`. */
  replay(point: ResumePoint): Replay<Frame> | Gap<'unknown' | 'expired'> {
    return replayFrom(point, this.#epoch, this.#ring);
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
   * @returns the point of the first of them
   */
  precede({ epoch, offset }: ResumePoint, frames: readonly Frame[]): ResumePoint {
    const first = offset - frames.length;
    // Once frames from behind the cut had to go, none from before it can follow on to what is kept.
    if (epoch === this.#epoch && this.#ring.start <= offset)
      this.#prepend(frames.slice(0, Math.max(0, this.#ring.start - first)));
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
    for (const listener of [...this.#listeners]) listener.refused();
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

  #prepend(frames: readonly Frame[]): void {
    this.#ring.prepend(frames);
    this.#rings.settle();
  }

  /** The subscriptions are lost, or given back. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** The subscriptions are back: counts on in a new epoch, and tells every listener of the gap. */
  restore(epoch: string): void {
    this.#interrupted = false;
    this.#epoch = epoch;
    this.#ring.clear();
    for (const listener of this.#listeners) listener.lost();
  }
}
