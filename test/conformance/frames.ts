/** Opcodes of RFC 6455 §5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The parts of a frame's header that a correct client leaves as they are. */
export interface FrameOptions {
  /** The bit FIN; set by default. */
  readonly fin?: boolean;
  /** The bits RSV1 to RSV3 as one number; 0 by default. */
  readonly rsv?: number;
  /** Whether the payload is masked, as a client's must be; so by default. */
  readonly masked?: boolean;
}

/** The masking key of RFC 6455 §5.7's example. */
const MASKING_KEY = Buffer.from('37fa213d', 'hex');

/** A client's frame. Nothing is checked: most are wrong on purpose. */
export function frame(
  opcode: number,
  payload: Buffer | string = '',
  { fin = true, rsv = 0, masked = true }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const header = Buffer.concat([
    Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode]),
    lengthField(bytes.length, masked),
  ]);
  if (!masked) return Buffer.concat([header, bytes]);
  for (let index = 0; index < bytes.length; index += 1)
    bytes[index] = (bytes[index] ?? 0) ^ (MASKING_KEY[index % 4] ?? 0);
  return Buffer.concat([header, MASKING_KEY, bytes]);
}

/** A client's close frame. */
export function closeFrame(code: number, reason: Buffer | string = ''): Buffer {
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]);
  payload.writeUInt16BE(code);
  return frame(OPCODE.close, payload);
}

/** A message in frames of so many bytes each. */
export function fragments(opcode: number, payload: Buffer, bytesEach: number): readonly Buffer[] {
  const count = Math.max(1, Math.ceil(payload.length / bytesEach));
  return Array.from({ length: count }, (_, index) =>
    frame(
      index === 0 ? opcode : OPCODE.continuation,
      payload.subarray(index * bytesEach, (index + 1) * bytesEach),
      { fin: index === count - 1 },
    ),
  );
}

function lengthField(length: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  if (length < 126) return Buffer.from([mask | length]);
  const extended = Buffer.alloc(length < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  else extended.writeBigUInt64BE(BigInt(length));
  return Buffer.concat([Buffer.from([mask | (extended.length === 2 ? 126 : 127)]), extended]);
}
