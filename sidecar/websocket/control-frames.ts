import { NO_CODE } from './frame-reader';

/** RFC 6455 §5.5: whole, unmasked frames. */
const [CLOSE, PING, PONG] = [0x88, 0x89, 0x8a] as const;

/** Asks for a sign of life. The same for every socket. */
export const PING_FRAME = Buffer.of(PING, 0);

/** @param payload of the ping, at most 125 bytes */
export function pongFrame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(PONG, payload.length), payload]);
}

/**
 * @param code {@link NO_CODE} for none
 * @param reason at most 123 bytes
 */
export function closeFrame(code: number, reason: string | Buffer): Buffer {
  if (code === NO_CODE) return Buffer.of(CLOSE, 0);
  const text = Buffer.from(reason);
  const head = Buffer.of(CLOSE, 2 + text.length, 0, 0);
  head.writeUInt16BE(code, 2);
  return Buffer.concat([head, text]);
}
