/** y-websocket's number for messages that synchronise, and y-protocols' for the first of them. */
const SYNC_STEP_1 = Buffer.of(0, 0);

/**
 * Whether a binary message is exactly y-protocols' sync step 1, as y-websocket sends it: a document's state vector, for which the
 * peers answer with what it lacks. It is a number of clients, and for each its id and its clock. Nothing may stand behind it, and no number
 * may be larger than a parser takes: what the peers read must be a question and nothing else.
 */
export function isSyncStep1(message: Buffer): boolean {
  if (!message.subarray(0, SYNC_STEP_1.length).equals(SYNC_STEP_1)) return false;
  const reader = new VarUintReader(message, SYNC_STEP_1.length);
  if (reader.next() !== message.length - reader.at) return false;
  const clients = reader.next();
  if (clients === undefined) return false;
  for (let numbers = 2 * clients; numbers > 0; numbers -= 1) {
    if (reader.next() === undefined) return false;
  }
  return reader.at === message.length;
}

/** Reads lib0's numbers: seven bits a byte, the lowest first, and another byte where the eighth is set. */
class VarUintReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Where the next number begins. */
  get at(): number {
    return this.#at;
  }

  /** @returns undefined when none stands there, or one past 2^53 − 1 */
  next(): number | undefined {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return undefined;
      this.#at += 1;
      value += (byte % 128) * scale;
      if (value > Number.MAX_SAFE_INTEGER || scale > Number.MAX_SAFE_INTEGER) return undefined;
      if (byte < 128) return value;
    }
  }
}
