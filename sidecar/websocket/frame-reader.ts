import { isUtf8 } from 'node:buffer';
import { BUFFER_OVERHEAD_BYTES } from '../lib/keepers';

/** RFC 6455 §5.2. */
const [FIN, RESERVED_BITS, OPCODE] = [0x80, 0x70, 0x0f] as const;
const [MASKED, LENGTH] = [0x80, 0x7f] as const;
const [LENGTH_IN_2_BYTES, LENGTH_IN_8_BYTES] = [126, 127] as const;
const MASK_BYTES = 4;
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa] as const;
/** RFC 6455 §5.5. */
const MAX_CONTROL_BYTES = 125;

/** RFC 6455 §7.1.5: a close frame without a code. */
export const NO_CODE = 1005;

/** Why what a client sends is read no further, as the code of RFC 6455 §7.4.1 that its socket is closed with. */
export type FaultCode =
  /** It breaks RFC 6455. */
  | 1002
  /** A text that is not UTF-8. */
  | 1007
  /** It comes in too many pieces. */
  | 1008
  /** It is larger than it may be. */
  | 1009;

/** How much a client may send. */
export interface FrameLimits {
  readonly maxMessageBytes: number;
  /** Frames that a message may come in. */
  readonly maxFragments: number;
  /** Pieces that a frame may come in. */
  readonly maxPieces: number;
}

/** Who is told what a client sent. */
export interface FrameListener {
  /** A whole message came. */
  received(payload: Buffer, binary: boolean): void;
  pinged(payload: Buffer): void;
  ponged(): void;
  /** A close frame came: nothing comes after it. @param code {@link NO_CODE} when it has none */
  closeReceived(code: number, reason: Buffer): void;
}

/** A frame's first bytes. */
interface Header {
  readonly opcode: number;
  readonly isLast: boolean;
  /** Its own, with the mask. */
  readonly bytes: number;
  readonly payloadBytes: number;
}

/** The pieces of a frame that is not whole. */
interface Unfinished {
  /** Undefined until all of it is there. */
  readonly header: Header | undefined;
  readonly pieces: Buffer[];
  bytes: number;
}

/** The frames of a message that is not whole. */
interface Fragments {
  readonly isBinary: boolean;
  readonly payloads: Buffer[];
  bytes: number;
  frames: number;
}

/** Reads what a client sends (RFC 6455 §5), in whatever pieces it comes. Between two messages it knows nothing. */
export class FrameReader {
  readonly #limits: FrameLimits;
  readonly #listener: FrameListener;
  #unfinished: Unfinished | undefined;
  #fragments: Fragments | undefined;
  #isOver = false;

  constructor(limits: FrameLimits, listener: FrameListener) {
    this.#limits = limits;
    this.#listener = listener;
  }

  /** The memory that it keeps of a message that is not whole, about, in bytes. */
  get keptBytes(): number {
    return (
      sizeOf(this.#unfinished?.pieces, this.#unfinished?.bytes) +
      sizeOf(this.#fragments?.payloads, this.#fragments?.bytes)
    );
  }

  /** Whether a new one would do as well. */
  get isIdle(): boolean {
    return !this.#isOver && this.#unfinished === undefined && this.#fragments === undefined;
  }

  /**
   * Reads what came; payloads are unmasked where they are. After a fault or a close frame nothing is read.
   * @returns a fault that ends it
   */
  read(piece: Buffer): FaultCode | undefined {
    if (this.#isOver) return undefined;
    const fault = this.#read(piece);
    if (fault !== undefined) this.#isOver = true;
    if (this.#isOver) this.#unfinished = this.#fragments = undefined;
    return fault;
  }

  #read(piece: Buffer): FaultCode | undefined {
    const unfinished = this.#unfinished;
    if (unfinished === undefined) return this.#readFrames(piece, undefined);
    const { header, pieces } = unfinished;
    if (pieces.length >= this.#limits.maxPieces) return 1008;
    pieces.push(piece);
    unfinished.bytes += piece.length;
    if (header !== undefined && unfinished.bytes < header.bytes + header.payloadBytes) return undefined;
    this.#unfinished = undefined;
    return this.#readFrames(Buffer.concat(pieces, unfinished.bytes), header);
  }

  /** @param first header of the first frame, where it was read before */
  #readFrames(bytes: Buffer, first: Header | undefined): FaultCode | undefined {
    let at = 0;
    for (let known = first; at < bytes.length; known = undefined) {
      const header = known ?? this.#headerAt(bytes, at);
      if (typeof header === 'number') return header;
      const end = header === undefined ? Infinity : at + header.bytes + header.payloadBytes;
      if (header === undefined || end > bytes.length) {
        this.#keep(bytes.subarray(at), header);
        return undefined;
      }
      const fault = this.#take(header, payloadIn(bytes, at + header.bytes, end));
      if (fault !== undefined || this.#isOver) return fault;
      at = end;
    }
    return undefined;
  }

  #keep(rest: Buffer, header: Header | undefined): void {
    this.#unfinished = { header, pieces: [ownOf(rest)], bytes: rest.length };
  }

  /** @returns undefined while not all of it is there */
  #headerAt(bytes: Buffer, at: number): Header | FaultCode | undefined {
    const left = bytes.length - at;
    if (left < 2) return undefined;
    const [first, second] = [bytes[at] ?? 0, bytes[at + 1] ?? 0];
    const opcode = first & OPCODE;
    const isLast = (first & FIN) !== 0;
    const length = second & LENGTH;
    // RFC 6455 §5.1: a client masks what it sends. No extension is agreed to that would use reserved bits.
    if ((first & RESERVED_BITS) !== 0 || (second & MASKED) === 0) return 1002;
    if (!this.#mayCome(opcode, isLast, length)) return 1002;
    const lengthBytes = length === LENGTH_IN_8_BYTES ? 8 : length === LENGTH_IN_2_BYTES ? 2 : 0;
    if (left < 2 + lengthBytes) return undefined;
    const payloadBytes = lengthBytes === 0 ? length : longLength(bytes, at + 2, lengthBytes);
    if (opcode < CLOSE && this.#isTooLarge(payloadBytes)) return 1009;
    return { opcode, isLast, bytes: 2 + lengthBytes + MASK_BYTES, payloadBytes };
  }

  #mayCome(opcode: number, isLast: boolean, length: number): boolean {
    switch (opcode) {
      case CONTINUATION:
        return this.#fragments !== undefined;
      case TEXT:
      case BINARY:
        return this.#fragments === undefined;
      case CLOSE:
        return isLast && length <= MAX_CONTROL_BYTES && length !== 1;
      case PING:
      case PONG:
        return isLast && length <= MAX_CONTROL_BYTES;
      default:
        return false;
    }
  }

  #isTooLarge(payloadBytes: number): boolean {
    return (this.#fragments?.bytes ?? 0) + payloadBytes > this.#limits.maxMessageBytes;
  }

  #take({ opcode, isLast }: Header, payload: Buffer): FaultCode | undefined {
    switch (opcode) {
      case PING:
        this.#listener.pinged(payload);
        return undefined;
      case PONG:
        this.#listener.ponged();
        return undefined;
      case CLOSE:
        return this.#takeClose(payload);
      default:
        return this.#takeData(opcode, isLast, payload);
    }
  }

  #takeData(opcode: number, isLast: boolean, payload: Buffer): FaultCode | undefined {
    const begun = this.#fragments;
    if (begun === undefined && isLast) return this.#tell(payload, opcode === BINARY);
    const fragments = begun ?? { isBinary: opcode === BINARY, payloads: [], bytes: 0, frames: 0 };
    fragments.frames += 1;
    if (fragments.frames > this.#limits.maxFragments) return 1008;
    fragments.bytes += payload.length;
    if (payload.length > 0) fragments.payloads.push(isLast ? payload : ownOf(payload));
    this.#fragments = isLast ? undefined : fragments;
    if (!isLast) return undefined;
    return this.#tell(Buffer.concat(fragments.payloads, fragments.bytes), fragments.isBinary);
  }

  #tell(payload: Buffer, binary: boolean): FaultCode | undefined {
    if (!binary && !isUtf8(payload)) return 1007;
    this.#listener.received(payload, binary);
    return undefined;
  }

  #takeClose(payload: Buffer): FaultCode | undefined {
    const code = payload.length === 0 ? undefined : payload.readUInt16BE(0);
    if (code !== undefined && !mayBeSent(code)) return 1002;
    const reason = payload.subarray(2);
    if (!isUtf8(reason)) return 1007;
    this.#isOver = true;
    this.#listener.closeReceived(code ?? NO_CODE, reason);
    return undefined;
  }
}

/** RFC 6455 §7.4: which codes an endpoint may send, and those that were registered since. */
function mayBeSent(code: number): boolean {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_CODE && code !== 1006;
}

function longLength(bytes: Buffer, at: number, lengthBytes: 2 | 8): number {
  if (lengthBytes === 2) return bytes.readUInt16BE(at);
  // Exact up to 2^53, and far above every limit beyond it.
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** A payload, unmasked in place (RFC 6455 §5.3). @param from behind the mask */
function payloadIn(bytes: Buffer, from: number, end: number): Buffer {
  const mask = from - MASK_BYTES;
  const m0 = bytes[mask] ?? 0;
  const m1 = bytes[mask + 1] ?? 0;
  const m2 = bytes[mask + 2] ?? 0;
  const m3 = bytes[mask + 3] ?? 0;
  let at = from;
  for (; at + 3 < end; at += 4) {
    bytes[at] = (bytes[at] ?? 0) ^ m0;
    bytes[at + 1] = (bytes[at + 1] ?? 0) ^ m1;
    bytes[at + 2] = (bytes[at + 2] ?? 0) ^ m2;
    bytes[at + 3] = (bytes[at + 3] ?? 0) ^ m3;
  }
  if (at < end) bytes[at] = (bytes[at] ?? 0) ^ m0;
  if (at + 1 < end) bytes[at + 1] = (bytes[at + 1] ?? 0) ^ m1;
  if (at + 2 < end) bytes[at + 2] = (bytes[at + 2] ?? 0) ^ m2;
  return bytes.subarray(from, end);
}

/** A byte may come alone, and be kept in a Buffer of its own. */
function sizeOf(buffers: readonly Buffer[] = [], bytes = 0): number {
  return bytes + buffers.length * BUFFER_OVERHEAD_BYTES;
}

/** Bytes that are kept: a few of them must not hold on to all that they came with. */
function ownOf(bytes: Buffer): Buffer {
  if (bytes.length * 2 >= bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
