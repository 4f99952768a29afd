import { ProtocolError } from './frame';
import { DELIMITED, FIXED32, FIXED64, VARINT, wireTypeOf } from './wire-type';

const MAX_VARINT_BYTES = 10;
const MAX_UINT32_BYTES = 5;
/** So many bytes of a varint, seven bits each, are exact in a number. */
const EXACT_BYTES = 7;

/** Reads ProtoBuf's wire format where it lies. Every method throws ProtocolError for what is malformed. */
export class WireReader {
  readonly bytes: Buffer;
  /** Where the next value begins. */
  position: number;

  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  /** A tag, or a length. */
  uint32(): number {
    let value = 0;
    for (let i = 0; i < MAX_UINT32_BYTES; i += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new ProtocolError('expected at most 32 bits');
  }

  /** An int32: the low 32 bits of what may be sign-extended to 64. */
  int32(): number {
    const value = this.uint64();
    return typeof value === 'number' ? value | 0 : Number(BigInt.asIntN(32, value));
  }

  /** A varint of 64 bits, taken as unsigned. */
  uint64(): number | bigint {
    const start = this.position;
    let value = 0;
    for (let i = 0; i < EXACT_BYTES; i += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    this.position = start;
    return this.#long();
  }

  /** Goes to the first byte of a length-delimited value and returns where it ends. */
  enter(): number {
    const length = this.uint32();
    const end = this.position + length;
    if (end > this.bytes.length) throw new ProtocolError('expected more bytes');
    return end;
  }

  /** Goes past a length-delimited value and returns its bytes, which it shares. */
  shared(): Buffer {
    const end = this.enter();
    const bytes = this.bytes.subarray(this.position, end);
    this.position = end;
    return bytes;
  }

  /** Text; what is no UTF-8 in it becomes U+FFFD, as Kong passes on whatever a client sends. */
  text(): string {
    const end = this.enter();
    const text = this.bytes.toString('utf8', this.position, end);
    this.position = end;
    return text;
  }

  /** A double. */
  double(): number {
    const start = this.position;
    this.#advance(8);
    return this.bytes.readDoubleLE(start);
  }

  /** Goes past the value of a field that is not known here. */
  skip(fieldTag: number): void {
    switch (wireTypeOf(fieldTag)) {
      case VARINT:
        this.uint64();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case DELIMITED:
        this.position = this.enter();
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw new ProtocolError('expected another wire type');
    }
  }

  /** Checks that a message ended where it had to: at `end`. */
  leave(end: number): void {
    if (this.position !== end) throw new ProtocolError('expected a field to end within its message');
  }

  #long(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtocolError('expected at most 64 bits');
  }

  #byte(): number {
    const byte = this.bytes[this.position];
    if (byte === undefined) throw new ProtocolError('expected more bytes');
    this.position += 1;
    return byte;
  }

  #advance(count: number): void {
    this.position += count;
    if (this.position > this.bytes.length) throw new ProtocolError('expected more bytes');
  }
}
