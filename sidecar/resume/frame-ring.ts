import type { Frame } from '../fanout/frame';
import { ByteBlock, SharedBlock, type FrameBlock } from './frame-blocks';
import { FrameRun } from './frame-run';
import { BUFFER_OVERHEAD_BYTES } from '../lib/keepers';
import type { Droppable, TenantRings } from './ring-budget';

/** How much a {@link FrameRing} keeps. */
export interface RingLimits {
  readonly maxItems: number;
  /** The bytes of the frames' payloads. */
  readonly maxBytes: number;
}

/** The first block is small, for the many replay logs that carry little; each further one as large as all before it. */
const MIN_BLOCK_BYTES = 1024;
const MAX_BLOCK_BYTES = 32_768;

/**
 * The most recent frames of a sequence, counted by offset: `start` is the oldest that is kept, `end` the one that comes
 * next. It keeps at most `maxItems` of them and at most `maxBytes`. Its blocks' bytes are counted in its tenant's
 * account, which may make it drop the oldest.
 */
export class FrameRing implements Droppable {
  readonly #limits: RingLimits;
  readonly #rings: TenantRings;
  #blocks: FrameBlock[] = [];
  /** The last block that was used up, to be used again: counted as long as it is here. */
  #spare: Buffer | undefined;
  #start: number;
  #end: number;
  #bytes = 0;

  /**
   * @param rings where what it holds is counted
   * @param firstOffset the offset of the first frame that is pushed
   */
  constructor(limits: RingLimits, rings: TenantRings, firstOffset = 0) {
    this.#limits = limits;
    this.#rings = rings;
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
      this.skip();
      return;
    }
    if (this.#end - this.#start === this.#limits.maxItems) this.#evict();
    while (this.#bytes + payloadBytes > this.#limits.maxBytes) this.#evict();
    if (this.#blocks.at(-1)?.append(frame) !== true) this.#newBlock(frame).append(frame);
    this.#end += 1;
    this.#bytes += payloadBytes;
  }

  /** Counts a frame that is not kept, nor are those before it. */
  skip(): void {
    this.#end += 1;
    this.clear();
  }

  /** Puts frames before the oldest, as many of them as there is room for, the most recent first. */
  prepend(run: FrameRun): void {
    const room = this.#limits.maxItems - (this.#end - this.#start);
    let first = run.size;
    let bytes = this.#bytes;
    for (; first > 0 && run.size - first < room; first -= 1) {
      const more = bytes + run.payloadBytes(first - 1);
      if (more > this.#limits.maxBytes) break;
      bytes = more;
    }
    this.#start -= run.size - first;
    this.#bytes = bytes;
    this.#blocks.unshift(...this.#blocksOf(run, first));
  }

  /** Every frame from `offset` on. @returns undefined when one of them is not kept or never was */
  since(offset: number): readonly Frame[] | undefined {
    if (offset < this.#start || offset > this.#end) return undefined;
    let skipped = offset - this.#start;
    const frames: Frame[] = [];
    for (const block of this.#blocks) {
      const kept = skipped < block.size ? block.frames(skipped) : [];
      skipped = Math.max(0, skipped - block.size);
      for (const frame of kept) frames.push(frame);
    }
    return frames;
  }

  /** Some frames from `offset` on: so many that they have `maxBytes` on the wire, and one at least where one is kept. */
  some(offset: number, maxBytes: number): readonly Frame[] {
    let skipped = offset - this.#start;
    let left = maxBytes;
    const frames: Frame[] = [];
    for (const block of this.#blocks) {
      if (left <= 0 && frames.length > 0) break;
      const kept = skipped < block.size ? block.frames(skipped, Math.max(1, left)) : [];
      skipped = Math.max(0, skipped - block.size);
      for (const frame of kept) {
        frames.push(frame);
        left -= frame.wire.length;
      }
    }
    return frames;
  }

  /** Every frame that is kept. */
  run(): FrameRun {
    return FrameRun.join(
      this.#blocks.flatMap((block) => block.wires(0)),
      this.#end - this.#start,
    );
  }

  /** Forgets every frame. Counting goes on. */
  clear(): void {
    for (const block of this.#blocks) block.end();
    if (this.#blocks.length > 0) this.#blocks = [];
    this.#start = this.#end;
    this.#bytes = 0;
    this.#takeSpare();
  }

  /** Forgets every frame and counts on from `offset`. */
  startAt(offset: number): void {
    this.clear();
    this.#start = offset;
    this.#end = offset;
  }

  dropOldest(): void {
    const oldest = this.#blocks.shift();
    if (oldest === undefined) return;
    this.#start += oldest.size;
    while (oldest.size > 0) this.#bytes -= oldest.drop();
    oldest.end();
    this.#takeSpare();
  }

  #newBlock({ wire, isShared }: Frame): FrameBlock {
    const rings = this.#rings;
    const block = isShared
      ? new SharedBlock(rings, rings.blocks.append(this))
      : new ByteBlock(this.#bytesFor(wire.length), rings, rings.blocks.append(this));
    this.#blocks.push(block);
    return block;
  }

  /** Blocks with the frames from `first` on, which came from another bridge: nobody else has them. */
  #blocksOf(run: FrameRun, first: number): FrameBlock[] {
    const blocks: FrameBlock[] = [];
    // The newest first: each one's place in the budget is before those of all that are younger.
    for (let end = run.size; end > first;) {
      let begin = end - 1;
      let bytes = run.wireBytes(begin);
      while (begin > first && bytes + run.wireBytes(begin - 1) <= MAX_BLOCK_BYTES) {
        begin -= 1;
        bytes += run.wireBytes(begin);
      }
      const block = new ByteBlock(
        Buffer.allocUnsafeSlow(bytes),
        this.#rings,
        this.#rings.blocks.prepend(this),
      );
      block.fill(run.slice(begin, end), end - begin);
      blocks.push(block);
      end = begin;
    }
    return blocks.reverse();
  }

  #bytesFor(wireBytes: number): Buffer {
    const wanted = Math.max(wireBytes, Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, this.#bytes)));
    const spare = this.#takeSpare();
    return spare !== undefined && spare.length >= wanted ? spare : Buffer.allocUnsafeSlow(wanted);
  }

  #evict(): void {
    const [oldest] = this.#blocks;
    if (oldest === undefined) return;
    this.#bytes -= oldest.drop();
    this.#start += 1;
    if (oldest.size > 0) return;
    this.#blocks.shift();
    oldest.end();
    if (oldest instanceof ByteBlock && oldest.bytes.length <= MAX_BLOCK_BYTES) this.#keepSpare(oldest.bytes);
  }

  #keepSpare(bytes: Buffer): void {
    this.#takeSpare();
    this.#spare = bytes;
    this.#rings.hold(bytes.length + BUFFER_OVERHEAD_BYTES);
  }

  #takeSpare(): Buffer | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) this.#rings.hold(-spare.length - BUFFER_OVERHEAD_BYTES);
    return spare;
  }
}
