/**
 * The stamp in each message: which of its channel's messages it is, and when it was made. Digits of a fixed number, so that
 * they are written and read in place, and text that no encoding on the way changes.
 */
const MARK = 0x40; // @
const INDEX_DIGITS = 8;
const TIME_DIGITS = 15;
const TIME_AT = INDEX_DIGITS + 2;
/** Bytes of a stamp. */
export const STAMP_BYTES = TIME_AT + TIME_DIGITS;

/** A token as the AI service publishes it, with room for a stamp. */
export const PAYLOAD = `{"type":"token","data":{"token":" Revenue","at":"@${'0'.repeat(INDEX_DIGITS)}@${'0'.repeat(TIME_DIGITS)}"}}`;

/** Where the stamp begins in a message, or -1. */
export function findStamp(message: Buffer, start = 0): number {
  const found = message.indexOf(MARK, start);
  return found !== -1 && isStamp(message, found) ? found : -1;
}

/** Whether a stamp begins there. */
export function isStamp(message: Buffer, offset: number): boolean {
  return message[offset] === MARK && message[offset + INDEX_DIGITS + 1] === MARK;
}

/** Writes a stamp over the one that begins at `offset`. */
export function writeStamp(message: Buffer, offset: number, index: number, timeUs: number): void {
  writeDigits(message, offset + 1, INDEX_DIGITS, index);
  writeDigits(message, offset + TIME_AT, TIME_DIGITS, timeUs);
}

/** Which of its channel's messages it is, from 0. */
export function stampIndex(message: Buffer, offset: number): number {
  return readDigits(message, offset + 1, INDEX_DIGITS);
}

/** When it was made, in microseconds of `clockUs`. */
export function stampTimeUs(message: Buffer, offset: number): number {
  return readDigits(message, offset + TIME_AT, TIME_DIGITS);
}

function writeDigits(message: Buffer, offset: number, count: number, value: number): void {
  let rest = value;
  for (let at = offset + count - 1; at >= offset; at -= 1) {
    message[at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

function readDigits(message: Buffer, offset: number, count: number): number {
  let value = 0;
  for (let at = offset; at < offset + count; at += 1) value = value * 10 + (message[at] ?? 0) - 0x30;
  return value;
}
