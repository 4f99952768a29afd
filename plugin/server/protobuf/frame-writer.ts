import { LENGTH_BYTES } from './frame';
import { DELIMITED, tag, VARINT } from './wire-type';

const SLAB_BYTES = 64 * 1024;
/** The bytes of a varint of 64 bits. */
const MAX_VARINT_BYTES = 10;
/** A UTF-16 code unit takes at most three bytes of UTF-8. */
const MAX_BYTES_PER_UNIT = 3;
/** Up to this length a loop writes text in less time than a call into Node's C++. */
const SHORT_TEXT = 48;

/** A frame that is always the same, ready to be written. */
export function constantFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.alloc(LENGTH_BYTES + length);
  frame.writeUInt32LE(length);
  frame.write(text, LENGTH_BYTES);
  return frame;
}

/**
 * Writes frames of ProtoBuf messages one behind the other into one buffer, for one write. Bytes that {@link take} has
 * returned are never written to again.
 */
export class FrameWriter {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where begins what was not taken yet. */
  #start = 0;
  #end = 0;
  /** Where the frame begins that was begun, counted from the start. */
  #frameAt = 0;

  /** A frame from {@link constantFrame}. */
  constant(frame: Buffer): void {
    this.#reserve(frame.length);
    this.#slab.set(frame, this.#end);
    this.#end += frame.length;
  }

  /** Begins a frame: fields follow, then {@link endFrame}. */
  beginFrame(): void {
    this.#reserve(LENGTH_BYTES);
    this.#frameAt = this.#end - this.#start;
    this.#end += LENGTH_BYTES;
  }

  endFrame(): void {
    const at = this.#start + this.#frameAt;
    this.#slab.writeUInt32LE(this.#end - at - LENGTH_BYTES, at);
  }

  /** A field of up to 64 bits. */
  integer(field: number, value: number | bigint): void {
    this.#reserve(2 * MAX_VARINT_BYTES);
    this.#varint(tag(field, VARINT));
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31) this.#varint(value);
    else this.#long(BigInt.asUintN(64, BigInt(value)));
  }

  /** A field with text. */
  text(field: number, text: string): void {
    this.#reserve(2 * MAX_VARINT_BYTES + text.length * MAX_BYTES_PER_UNIT);
    const at = this.#end;
    // Nearly all text is ASCII and as long in bytes; what is not is written again.
    if (this.#text(field, text, text.length)) return;
    this.#end = at;
    this.#text(field, text, Buffer.byteLength(text));
  }

  /** A field with a message, whose fields `write` writes. */
  message(field: number, write: () => void): void {
    const at = this.#end - this.#start;
    write();
    const length = this.#end - this.#start - at;
    const room = varintSize(tag(field, DELIMITED)) + varintSize(length);
    this.#reserve(room);
    const start = this.#start + at;
    this.#slab.copyWithin(start + room, start, this.#end);
    this.#end = start;
    this.#varint(tag(field, DELIMITED));
    this.#varint(length);
    this.#end += length;
  }

  /**
   * An entry of a map of texts to `google.protobuf.Value`: `{1: key, 2: {3: text}}`.
   * @param field the map's
   */
  entry(field: number, key: string, text: string): void {
    this.#reserve(6 * MAX_VARINT_BYTES + (key.length + text.length) * MAX_BYTES_PER_UNIT);
    const at = this.#end;
    if (this.#entry(field, key, key.length, text, text.length)) return;
    this.#end = at;
    this.#entry(field, key, Buffer.byteLength(key), text, Buffer.byteLength(text));
  }

  /** All frames that were written since the last time. */
  take(): Buffer {
    const taken = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return taken;
  }

  /** Forgets what was written since the last {@link take}. */
  discard(): void {
    this.#end = this.#start;
  }

  // Says whether the lengths were right.
  #entry(field: number, key: string, keyLength: number, text: string, textLength: number): boolean {
    const valueLength = 1 + varintSize(textLength) + textLength;
    this.#varint(tag(field, DELIMITED));
    this.#varint(1 + varintSize(keyLength) + keyLength + 1 + varintSize(valueLength) + valueLength);
    if (!this.#text(1, key, keyLength)) return false;
    this.#varint(tag(2, DELIMITED));
    this.#varint(valueLength);
    return this.#text(3, text, textLength);
  }

  #text(field: number, text: string, length: number): boolean {
    this.#varint(tag(field, DELIMITED));
    this.#varint(length);
    const written = text.length <= SHORT_TEXT ? this.#shortText(text) : this.#slab.write(text, this.#end);
    this.#end += written;
    return written === length;
  }

  #shortText(text: string): number {
    const slab = this.#slab;
    const end = this.#end;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return slab.write(text, end);
      slab[end + i] = unit;
    }
    return text.length;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#slab[this.#end] = (rest & 0x7f) | 0x80;
      this.#end += 1;
      rest >>>= 7;
    }
    this.#slab[this.#end] = rest;
    this.#end += 1;
  }

  #long(value: bigint): void {
    let rest = value;
    while (rest > 0x7fn) {
      this.#slab[this.#end] = Number(rest & 0x7fn) | 0x80;
      this.#end += 1;
      rest >>= 7n;
    }
    this.#slab[this.#end] = Number(rest);
    this.#end += 1;
  }

  // Bytes that were not taken yet move to a new slab; the old one lives as long as those that were taken of it.
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return;
    const begun = this.#slab.subarray(this.#start, this.#end);
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (begun.length + bytes)));
    this.#slab.set(begun);
    this.#end = begun.length;
    this.#start = 0;
  }
}

function varintSize(value: number): number {
  if (value < 2 ** 7) return 1;
  if (value < 2 ** 14) return 2;
  return value < 2 ** 21 ? 3 : 5;
}
