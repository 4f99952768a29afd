/** Opcodes of RFC 6455 §5.2. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, ping: 9 } as const;

/** A frame of a client whose payload is so many zeros (RFC 6455 §5.2), masked with zeros. */
export function clientFrame(opcode: number, length: number, fin = true): Buffer {
  const first = (fin ? 0x80 : 0) | opcode;
  const mask = Buffer.alloc(4);
  const payload = Buffer.alloc(length);
  if (length < 126) return Buffer.concat([Buffer.from([first, 0x80 | length]), mask, payload]);
  const extended = Buffer.alloc(length < 65_536 ? 2 : 8);
  if (length < 65_536) extended.writeUInt16BE(length);
  else extended.writeBigUInt64BE(BigInt(length));
  const code = extended.length === 2 ? 126 : 127;
  return Buffer.concat([Buffer.from([first, 0x80 | code]), extended, mask, payload]);
}
