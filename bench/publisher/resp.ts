/** A command for Redis on the wire (RESP): an array of bulk strings. */
export function respCommand(...parts: readonly (string | Buffer)[]): Buffer {
  const pieces: Buffer[] = [Buffer.from(`*${parts.length}\r\n`)];
  for (const part of parts) {
    const bytes = Buffer.from(part);
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(pieces);
}

/** Redis answers nothing from here on. */
export const REPLY_OFF = respCommand('CLIENT', 'REPLY', 'OFF');
/** Redis answers again, with +OK once everything before is done. */
export const REPLY_ON = respCommand('CLIENT', 'REPLY', 'ON');
export const REPLIED = '+OK\r\n';
