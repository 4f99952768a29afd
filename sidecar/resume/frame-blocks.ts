import type { Link } from '../lib/chain';
import { Frame } from '../fanout/frame';
import { BUFFER_OVERHEAD_BYTES } from '../lib/keepers';
import type { Droppable, TenantRings } from './ring-budget';
import { frameBytesAt, payloadBytesAt } from '../fanout/frame-encoding';

/** Some frames in a row, of which the oldest go first. */
export interface FrameBlock {
  /** How many frames it has. */
  readonly size: number;
  /** Appends a frame. @returns false when it has to go into another block */
  append(frame: Frame): boolean;
  /** Forgets the oldest. @returns the bytes of its payload */
  drop(): number;
  /** Its frames without the oldest `skipped`. */
  frames(skipped: number): Frame[];
  /** Its place among all of its tenant's. */
  readonly link: Link<Droppable>;
  /** The ring has it no more: what is left in it is no longer counted. */
  end(): void;
}

/**
 * Frames that nobody else has, as copies of their bytes. Kept as objects, each would outlive the young generation, and
 * hold on to the slab that it was cut from.
 */
export class ByteBlock implements FrameBlock {
  readonly bytes: Buffer;
  readonly link: Link<Droppable>;
  readonly #rings: TenantRings;
  /** Where the oldest that is kept begins. */
  #from = 0;
  /** Where the next one goes. */
  #to = 0;
  #size = 0;

  /** @param bytes to be filled, counted until the block's {@link end} */
  constructor(bytes: Buffer, rings: TenantRings, link: Link<Droppable>) {
    this.bytes = bytes;
    this.link = link;
    this.#rings = rings;
    rings.hold(bytes.length + BUFFER_OVERHEAD_BYTES);
  }

  get size(): number {
    return this.#size;
  }

  append({ wire, isShared }: Frame): boolean {
    if (isShared || this.#to + wire.length > this.bytes.length) return false;
    this.bytes.set(wire, this.#to);
    this.#to += wire.length;
    this.#size += 1;
    return true;
  }

  end(): void {
    this.#rings.blocks.remove(this.link);
    this.#rings.hold(-this.bytes.length - BUFFER_OVERHEAD_BYTES);
  }

  drop(): number {
    const at = this.#from;
    this.#from += frameBytesAt(this.bytes, at);
    this.#size -= 1;
    return payloadBytesAt(this.bytes, at);
  }

  frames(skipped: number): Frame[] {
    const frames: Frame[] = [];
    let left = skipped;
    for (let at = this.#from; at < this.#to; left -= 1) {
      const end = at + frameBytesAt(this.bytes, at);
      if (left <= 0) frames.push(new Frame(Buffer.from(this.bytes.subarray(at, end)), false));
      at = end;
    }
    return frames;
  }
}

/** Frames that others have as well: a copy for each of a thousand rings would be a thousand copies. */
export class SharedBlock implements FrameBlock {
  readonly link: Link<Droppable>;
  readonly #rings: TenantRings;
  readonly #frames: (Frame | undefined)[] = [];
  #from = 0;

  constructor(rings: TenantRings, link: Link<Droppable>) {
    this.#rings = rings;
    this.link = link;
  }

  get size(): number {
    return this.#frames.length - this.#from;
  }

  append(frame: Frame): boolean {
    if (!frame.isShared || this.#frames.length === MAX_SHARED_FRAMES) return false;
    this.#frames.push(frame);
    frame.ringKeepers.keep(this.#rings);
    return true;
  }

  end(): void {
    this.#rings.blocks.remove(this.link);
    while (this.size > 0) this.drop();
  }

  drop(): number {
    const frame = this.#frames[this.#from];
    this.#frames[this.#from] = undefined;
    this.#from += 1;
    frame?.ringKeepers.drop(this.#rings);
    return frame?.payloadBytes ?? 0;
  }

  frames(skipped: number): Frame[] {
    return this.#frames.slice(this.#from + skipped).filter((frame) => frame !== undefined);
  }
}

const MAX_SHARED_FRAMES = 64;
