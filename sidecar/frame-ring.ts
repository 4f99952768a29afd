import { Frame } from './frame';
import { frameBytesAt, payloadBytesAt } from './server-frame';

/** How much a {@link FrameRing} keeps. */
export interface RingLimits {
  readonly maxItems: number;
  /** Of the frames' payloads. */
  readonly maxBytes: number;
}

/** The first block is small, for the many streams that carry little; each further one as large as all before it. */
const MIN_BLOCK_BYTES = 1024;
const MAX_BLOCK_BYTES = 32_768;

/** Frames as they go over the wire, one after the other. */
interface Block {
  readonly bytes: Buffer;
  /** Where the oldest that is kept begins. */
  from: number;
  /** Where the next one goes. */
  to: number;
}

/**
 * The most recent frames of a sequence, counted by offset: `start` is the oldest that is kept, `end` the one that
 * comes next. It keeps at most `maxItems` of them and at most `maxBytes`. Frames are copied into blocks: kept as they
 * are, each would outlive the young generation, and might hold on to much more memory than it takes.
 */
export class FrameRing {
  readonly #limits: RingLimits;
  #blocks: Block[] = [];
  /** The last block that was used up, to be used again. */
  #spare: Buffer | undefined;
  #start: number;
  #end: number;
  #bytes = 0;

  /** @param firstOffset the offset of the first frame that is pushed */
  constructor(limits: RingLimits, firstOffset = 0) {
    this.#limits = limits;
    this.#start = firstOffset;
    this.#end = firstOffset;
  }

  /** The offset of the oldest frame kept; equal to {@link end} when there is none. */
  get start(): number {
    return this.#start;
  }

  /** The offset that the next frame gets. */
  get end(): number {
    return this.#end;
  }

  /** The sum of the payloads' sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends a frame; the oldest make room for it. */
  push({ wire, payloadBytes }: Frame): void {
    if (payloadBytes > this.#limits.maxBytes) {
      this.#end += 1;
      this.clear();
      return;
    }
    if (this.#end - this.#start === this.#limits.maxItems) this.#evict();
    while (this.#bytes + payloadBytes > this.#limits.maxBytes) this.#evict();
    const block = this.#blockFor(wire.length);
    block.bytes.set(wire, block.to);
    block.to += wire.length;
    this.#end += 1;
    this.#bytes += payloadBytes;
  }

  /** Puts frames before the oldest, as many of them as there is room for, the most recent first. */
  prepend(frames: readonly Frame[]): void {
    const room = this.#limits.maxItems - (this.#end - this.#start);
    let first = frames.length;
    let bytes = this.#bytes;
    for (; first > 0 && frames.length - first < room; first -= 1) {
      const more = bytes + (frames[first - 1]?.payloadBytes ?? 0);
      if (more > this.#limits.maxBytes) break;
      bytes = more;
    }
    const fitting = frames.slice(first);
    if (fitting.length === 0) return;
    const block = Buffer.concat(fitting.map(({ wire }) => wire));
    this.#blocks.unshift({ bytes: block, from: 0, to: block.length });
    this.#start -= fitting.length;
    this.#bytes = bytes;
  }

  /** Every frame from `offset` on. @returns undefined when one of them is not kept or never was */
  since(offset: number): readonly Frame[] | undefined {
    if (offset < this.#start || offset > this.#end) return undefined;
    const frames: Frame[] = [];
    let at = this.#start;
    for (const { bytes, from, to } of this.#blocks) {
      for (let next = from; next < to; at += 1) {
        const end = next + frameBytesAt(bytes, next);
        if (at >= offset) frames.push(new Frame(Buffer.from(bytes.subarray(next, end))));
        next = end;
      }
    }
    return frames;
  }

  /** Forgets every frame. Counting goes on. */
  clear(): void {
    this.#blocks = [];
    this.#start = this.#end;
    this.#bytes = 0;
  }

  /** The last block, when it has room for so many bytes, or a new one. */
  #blockFor(wireBytes: number): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.to + wireBytes <= last.bytes.length) return last;
    const wanted = Math.max(wireBytes, Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, this.#bytes)));
    const spare = this.#spare;
    this.#spare = undefined;
    const bytes = spare !== undefined && spare.length >= wanted ? spare : Buffer.allocUnsafeSlow(wanted);
    const block = { bytes, from: 0, to: 0 };
    this.#blocks.push(block);
    return block;
  }

  #evict(): void {
    const [oldest] = this.#blocks;
    if (oldest === undefined) return;
    this.#bytes -= payloadBytesAt(oldest.bytes, oldest.from);
    oldest.from += frameBytesAt(oldest.bytes, oldest.from);
    this.#start += 1;
    if (oldest.from < oldest.to) return;
    this.#blocks.shift();
    if (oldest.bytes.length <= MAX_BLOCK_BYTES) this.#spare = oldest.bytes;
  }
}
