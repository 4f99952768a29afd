import { Frame } from './frame';
import { ByteBlock, SharedBlock, type FrameBlock } from './frame-blocks';

/** How much a {@link FrameRing} keeps. */
export interface RingLimits {
  readonly maxItems: number;
  /** Of the frames' payloads. */
  readonly maxBytes: number;
}

/** The first block is small, for the many streams that carry little; each further one as large as all before it. */
const MIN_BLOCK_BYTES = 1024;
const MAX_BLOCK_BYTES = 32_768;

/**
 * The most recent frames of a sequence, counted by offset: `start` is the oldest that is kept, `end` the one that
 * comes next. It keeps at most `maxItems` of them and at most `maxBytes`.
 */
export class FrameRing {
  readonly #limits: RingLimits;
  #blocks: FrameBlock[] = [];
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
  push(frame: Frame): void {
    const { payloadBytes } = frame;
    if (payloadBytes > this.#limits.maxBytes) {
      this.#end += 1;
      this.clear();
      return;
    }
    if (this.#end - this.#start === this.#limits.maxItems) this.#evict();
    while (this.#bytes + payloadBytes > this.#limits.maxBytes) this.#evict();
    if (this.#blocks.at(-1)?.append(frame) !== true) this.#newBlock(frame).append(frame);
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
    this.#blocks.unshift(blockOf(fitting));
    this.#start -= fitting.length;
    this.#bytes = bytes;
  }

  /** Every frame from `offset` on. @returns undefined when one of them is not kept or never was */
  since(offset: number): readonly Frame[] | undefined {
    if (offset < this.#start || offset > this.#end) return undefined;
    let skipped = offset - this.#start;
    const frames: Frame[] = [];
    for (const block of this.#blocks) {
      const kept = block.frames(skipped);
      skipped = Math.max(0, skipped - block.size);
      frames.push(...kept);
    }
    return frames;
  }

  /** Forgets every frame. Counting goes on. */
  clear(): void {
    this.#blocks = [];
    this.#start = this.#end;
    this.#bytes = 0;
  }

  #newBlock({ wire, isShared }: Frame): FrameBlock {
    const block = isShared ? new SharedBlock() : new ByteBlock(this.#bytesFor(wire.length));
    this.#blocks.push(block);
    return block;
  }

  #bytesFor(wireBytes: number): Buffer {
    const wanted = Math.max(wireBytes, Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, this.#bytes)));
    const spare = this.#spare;
    this.#spare = undefined;
    return spare !== undefined && spare.length >= wanted ? spare : Buffer.allocUnsafeSlow(wanted);
  }

  #evict(): void {
    const [oldest] = this.#blocks;
    if (oldest === undefined) return;
    this.#bytes -= oldest.drop();
    this.#start += 1;
    if (oldest.size > 0) return;
    this.#blocks.shift();
    if (oldest instanceof ByteBlock && oldest.bytes.length <= MAX_BLOCK_BYTES) this.#spare = oldest.bytes;
  }
}

/** A block with just these frames, which came from another bridge: nobody else has them. */
function blockOf(frames: readonly Frame[]): FrameBlock {
  const bytes = frames.reduce((sum, { wire }) => sum + wire.length, 0);
  const block = new ByteBlock(Buffer.allocUnsafeSlow(bytes));
  for (const { wire } of frames) block.append(new Frame(wire, false));
  return block;
}
