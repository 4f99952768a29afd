import type { Frame, Receiver } from './delivery';
import { beginAt, type Beginning, type ResumePoint } from './resume';
import { Ring, type RingLimits } from './ring';

/** One socket on a stream. */
export interface StreamListener {
  /** A frame, and its offset in the stream's epoch. */
  take(frame: Frame, offset: number): void;
  /** Frames were lost with the connection to Redis; a new epoch counts on. */
  lost(): void;
}

/** What makes a stream. */
export interface StreamIdentity {
  /** Whose it is and what it hears: a resume point counts for nobody else. */
  readonly owner: string;
  readonly channels: readonly string[];
  /** Set on a route that relays between peers: what the stream's client sent itself is not part of it. */
  readonly senderId: Buffer | undefined;
}

/**
 * What a set of channels carries for one (tenant, user), in one order and counted, with its most recent frames
 * kept for those who come back.
 */
export class Stream implements Receiver {
  readonly owner: string;
  readonly channels: readonly string[];
  readonly senderId: Buffer | undefined;
  readonly #ring: Ring<Frame>;
  readonly #listeners = new Set<StreamListener>();
  #epoch: string;
  #interrupted = false;

  constructor(identity: StreamIdentity, epoch: string, limits: RingLimits, firstOffset: number) {
    this.owner = identity.owner;
    this.channels = identity.channels;
    this.senderId = identity.senderId;
    this.#epoch = epoch;
    this.#ring = new Ring(limits, (frame) => frame.payload.length, firstOffset);
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

  /** What a client gets that asks to go on at `point`. */
  begin(point: ResumePoint | undefined): Beginning<Frame> {
    return beginAt(point, this.#epoch, this.#ring);
  }

  take(frame: Frame): void {
    // Until all channels are back any of them may lack frames; the gap that follows covers these as well.
    if (this.#interrupted) return;
    const offset = this.#ring.end;
    this.#ring.push(frame);
    for (const listener of this.#listeners) listener.take(frame, offset);
  }

  listen(listener: StreamListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: StreamListener): void {
    this.#listeners.delete(listener);
  }

  /** The subscriptions are lost. */
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
