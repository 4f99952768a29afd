import { frameBytesAt, isFrameAt, payloadBytesAt } from '../fanout/frame-encoding';
import type { Frame } from '../fanout/frame';

/** Frames in a row as their bytes on the wire: many of them are no objects of their own. */
export class FrameRun {
  /** The bytes of all its frames, one behind the other. */
  readonly bytes: Buffer;
  /** Where each frame begins, and where the last one ends. */
  readonly #starts: Uint32Array;

  private constructor(bytes: Buffer, starts: Uint32Array) {
    this.bytes = bytes;
    this.#starts = starts;
  }

  /** The frames of other runs' and rings' bytes. @param count how many there are */
  static join(parts: readonly Buffer[], count: number): FrameRun {
    const bytes = Buffer.concat(parts);
    const starts = new Uint32Array(count + 1);
    for (let index = 0; index < count; index += 1) {
      const at = starts[index] ?? 0;
      starts[index + 1] = at + frameBytesAt(bytes, at);
    }
    return new FrameRun(bytes, starts);
  }

  static of(frames: readonly Frame[]): FrameRun {
    return FrameRun.join(
      frames.map(({ wire }) => wire),
      frames.length,
    );
  }

  /** Reads `count` frames that somebody else wrote. @returns undefined when the bytes are not just those */
  static parse(bytes: Buffer, count: number): FrameRun | undefined {
    const starts: number[] = [0];
    let at = 0;
    while (at < bytes.length && starts.length <= count) {
      if (!isFrameAt(bytes, at)) return undefined;
      at += frameBytesAt(bytes, at);
      starts.push(at);
    }
    if (at !== bytes.length || starts.length !== count + 1) return undefined;
    return new FrameRun(bytes, Uint32Array.from(starts));
  }

  /** How many frames it has. */
  get size(): number {
    return this.#starts.length - 1;
  }

  /** The bytes of a frame. */
  wireBytes(index: number): number {
    return this.#at(index + 1) - this.#at(index);
  }

  /** The bytes of a frame's payload. */
  payloadBytes(index: number): number {
    return payloadBytesAt(this.bytes, this.#at(index));
  }

  /** Its first `count` frames. */
  first(count: number): FrameRun {
    if (count === this.size) return this;
    return new FrameRun(this.slice(0, count), this.#starts.subarray(0, count + 1));
  }

  /** The bytes of the frames from `first` to the one before `end`. */
  slice(first: number, end: number): Buffer {
    return this.bytes.subarray(this.#at(first), this.#at(end));
  }

  #at(index: number): number {
    return this.#starts[index] ?? 0;
  }
}
