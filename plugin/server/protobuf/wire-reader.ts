import { ProtocolError } from './frame';
import { fieldText, type MessageName } from './message-fields';
import { DELIMITED, FIXED32, FIXED64, fieldOf, VARINT, wireTypeOf } from './wire-type';

const MAX_VARINT_BYTES = 10;
const MAX_UINT32_BYTES = 5;
/** So many bytes of a varint, seven bits each, are exact in a number. */
const EXACT_BYTES = 7;
const FIXED32_BYTES = 4;
const FIXED64_BYTES = 8;

/**
 * Reads ProtoBuf's wire format where it lies. Every method throws ProtocolError for what is malformed; it says in which message
 * and field, and at which byte of the frame.
 */
export class WireReader {
  readonly bytes: Buffer;
  /** Where the next value begins. */
  position = 0;
  #message: MessageName;
  /** The tag of the field that is being read; 0 while the tag itself is. */
  #tag = 0;

  constructor(bytes: Buffer, message: MessageName) {
    this.bytes = bytes;
    this.#message = message;
  }

  /** Reads the tag that stands before a field's value. */
  tag(): number {
    this.#tag = 0;
    this.#tag = this.#uint32();
    return this.#tag;
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
    const length = this.#uint32();
    const end = this.position + length;
    if (end > this.bytes.length) throw this.#tooShort(length);
    return end;
  }

  /** Goes to the first byte of a message in a field and returns where it ends. */
  enterMessage(message: MessageName): number {
    const end = this.enter();
    this.#message = message;
    this.#tag = 0;
    return end;
  }

  /** Goes to where a value lies that was passed over. */
  goTo(position: number, message: MessageName, fieldTag: number): void {
    this.position = position;
    this.#message = message;
    this.#tag = fieldTag;
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
    this.#advance(FIXED64_BYTES);
    return this.bytes.readDoubleLE(start);
  }

  /** Goes past the value of a field that is not known here. */
  skip(fieldTag: number): void {
    const wireType = wireTypeOf(fieldTag);
    switch (wireType) {
      case VARINT:
        this.uint64();
        return;
      case FIXED64:
        this.#advance(FIXED64_BYTES);
        return;
      case DELIMITED:
        this.position = this.enter();
        return;
      case FIXED32:
        this.#advance(FIXED32_BYTES);
        return;
      default:
        throw this.fault(
          `expected wire type ${VARINT}, ${FIXED64}, ${DELIMITED} or ${FIXED32}, got ${wireType}`,
        );
    }
  }

  /** Checks that a message ended where it had to, at `end`, and goes back to the one that it is a field of. */
  leave(end: number, outer: MessageName): void {
    if (this.position !== end) throw this.fault(`expected ${this.#message} to end at byte ${end}`);
    this.#message = outer;
  }

  /** An error about the field that is being read, or about the message while none is. */
  fault(expected: string): ProtocolError {
    const place = this.#tag === 0 ? this.#message : fieldText(this.#message, fieldOf(this.#tag));
    return new ProtocolError(`${place}, byte ${this.position}: ${expected}`);
  }

  #uint32(): number {
    let value = 0;
    for (let i = 0; i < MAX_UINT32_BYTES; i += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw this.fault('expected a varint of at most 32 bits, got more');
  }

  #long(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.fault('expected a varint of at most 64 bits, got more');
  }

  #byte(): number {
    const byte = this.bytes[this.position];
    if (byte === undefined) throw this.#tooShort(1);
    this.position += 1;
    return byte;
  }

  #advance(count: number): void {
    if (this.position + count > this.bytes.length) throw this.#tooShort(count);
    this.position += count;
  }

  #tooShort(bytes: number): ProtocolError {
    return this.fault(
      `expected ${bytes} more ${bytes === 1 ? 'byte' : 'bytes'}, got ${this.bytes.length - this.position}`,
    );
  }
}
