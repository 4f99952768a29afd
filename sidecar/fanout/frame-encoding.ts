/** RFC 6455 §5.2. */
const FIN = 0x80;
const OPCODE_TEXT = 0x1;
const OPCODE_BINARY = 0x2;
/** In the second byte: no server masks what it sends. */
const MASKED = 0x80;
/** Payloads up to this have their length in the second byte; longer ones have it in 2 or 8 bytes after it. */
const MAX_SHORT_BYTES = 125;
const LENGTH_IN_2_BYTES = 126;
const LENGTH_IN_8_BYTES = 127;

/**
 * A whole message as a server sends it (RFC 6455 §5.2): one unmasked frame. The payload is copied.
 * @param kept whether it may be kept for long: then it is no part of a slab, which it would hold on to
 * @returns the bytes of the frame, whose payload is at their end
 */
export function encodeFrame(payload: Uint8Array, binary: boolean, kept = false): Buffer {
  const size = payload.length;
  const headerBytes = size <= MAX_SHORT_BYTES ? 2 : size <= 0xffff ? 4 : 10;
  const bytes = kept ? Buffer.allocUnsafeSlow(headerBytes + size) : Buffer.allocUnsafe(headerBytes + size);
  bytes[0] = FIN | (binary ? OPCODE_BINARY : OPCODE_TEXT);
  if (headerBytes === 2) {
    bytes[1] = size;
  } else if (headerBytes === 4) {
    bytes[1] = LENGTH_IN_2_BYTES;
    bytes.writeUInt16BE(size, 2);
  } else {
    bytes[1] = LENGTH_IN_8_BYTES;
    bytes.writeUIntBE(0, 2, 2);
    bytes.writeUIntBE(size, 4, 6);
  }
  bytes.set(payload, headerBytes);
  return bytes;
}

/** How many bytes the frame at `at` takes, one of those that {@link encodeFrame} makes. */
export function frameBytesAt(bytes: Buffer, at: number): number {
  return headerBytes(bytes[at + 1] ?? 0) + payloadBytesAt(bytes, at);
}

/** Whether one of the frames that {@link encodeFrame} makes is at `at`, whole. */
export function isFrameAt(bytes: Buffer, at: number): boolean {
  const opcode = (bytes[at] ?? 0) ^ FIN;
  if (opcode !== OPCODE_TEXT && opcode !== OPCODE_BINARY) return false;
  const length = bytes[at + 1] ?? MASKED;
  if (length >= MASKED || at + headerBytes(length) > bytes.length) return false;
  return at + frameBytesAt(bytes, at) <= bytes.length;
}

/** How many bytes the payload of the frame at `at` has. */
export function payloadBytesAt(bytes: Buffer, at: number): number {
  const length = bytes[at + 1] ?? 0;
  if (length <= MAX_SHORT_BYTES) return length;
  return length === LENGTH_IN_2_BYTES ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6);
}

/** Whether a frame holds a binary message. */
export function isBinary(wire: Buffer): boolean {
  return wire[0] === (FIN | OPCODE_BINARY);
}

function headerBytes(length: number): number {
  if (length <= MAX_SHORT_BYTES) return 2;
  return length === LENGTH_IN_2_BYTES ? 4 : 10;
}
