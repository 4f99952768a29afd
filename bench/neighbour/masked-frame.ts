import { randomBytes } from 'node:crypto';

/** RFC 6455 §5.2. */
export const OPCODE_CONTINUATION = 0x0;
export const OPCODE_BINARY = 0x2;

/** A client's frame of any length, masked with a key of its own, so that the bridge has to unmask it (RFC 6455 §5.3). */
export function maskedFrame(opcode: number, payload: Buffer, { fin = true } = {}): Buffer {
  const key = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let at = 0; at < masked.length; at += 1) masked[at] = (masked[at] ?? 0) ^ (key[at & 3] ?? 0);
  return Buffer.concat([Buffer.of((fin ? 0x80 : 0) | opcode), lengthOf(payload), key, masked]);
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < 126) return Buffer.of(0x80 | length);
  const header = Buffer.alloc(length < 65_536 ? 3 : 9);
  if (length < 65_536) {
    header[0] = 0x80 | 126;
    header.writeUInt16BE(length, 1);
  } else {
    header[0] = 0x80 | 127;
    header.writeBigUInt64BE(BigInt(length), 1);
  }
  return header;
}
