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
  /** Its frames without the oldest `skipped`, fewer than it has: so many that they have `maxBytes`, and one at least. */
  frames(skipped: number, maxBytes?: number): Frame[];
  /** The bytes of its frames without the oldest `skipped`, in the parts that they are kept in. */
  wires(skipped: number): Buffer[];
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

  /** Puts frames behind its own, which fit. */
  fill(wires: Buffer, count: number): void {
    this.bytes.set(wires, this.#to);
    this.#to += wires.length;
    this.#size += count;
  }

  frames(skipped: number, maxBytes = Infinity): Frame[] {
    const frames: Frame[] = [];
    let bytes = 0;
    for (let at = this.#placeOf(skipped); at < this.#to && bytes < maxBytes;) {
      const end = at + frameBytesAt(this.bytes, at);
      const frame = new Frame(Buffer.from(this.bytes.subarray(at, end)), false);
      frames.push(frame);
      bytes += frame.wire.length;
      at = end;
    }
    return frames;
  }

  wires(skipped: number): Buffer[] {
    return [this.bytes.subarray(this.#placeOf(skipped), this.#to)];
  }

  #placeOf(skipped: number): number {
    let at = this.#from;
    for (let left = skipped; left > 0; left -= 1) at += frameBytesAt(this.bytes, at);
    return at;
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

  frames(skipped: number, maxBytes = Infinity): Frame[] {
    const frames: Frame[] = [];
    let bytes = 0;
    for (let index = this.#from + skipped; index < this.#frames.length && bytes < maxBytes; index += 1) {
      const frame = this.#frames[index];
      if (frame === undefined) break;
      frames.push(frame);
      bytes += frame.wire.length;
    }
    return frames;
  }

  wires(skipped: number): Buffer[] {
    return this.frames(skipped).map(({ wire }) => wire);
  }
}

const MAX_SHARED_FRAMES = 64;
