import type { Redis } from 'ioredis';

/** A {@link RespReader} hands bytes on to it, in the order in which Redis sent them. */
export interface MessageListener {
  /** A message of a channel. The payload is a view of what was read: copy what is kept. */
  message(channel: string, payload: Buffer): void;
  /** Whole replies that are no messages, as they came. */
  others(bytes: Buffer): void;
}

/** The beginning of a message after its first byte, which is `*` in RESP2 and `>` in RESP3. */
const HEADS = ['3\r\n$7\r\nmessage\r\n$', '3\r\n$8\r\nsmessage\r\n$'].map((head) =>
  Buffer.from(head, 'latin1'),
);
const [CR, ZERO] = [0x0d, 0x30];
const [ARRAY, PUSH, BULK, MAP, SET, ATTRIBUTE, VERBATIM, BULK_ERROR] = Buffer.from('*>$%~|=!', 'latin1');
const INCOMPLETE = -1;

/**
 * Tells messages apart from all else that Redis sends on a subscribed connection (RESP2 and RESP3). It does so with as
 * little work a message as can be: a busy bridge reads more messages than anything else.
 */
export class RespReader {
  readonly #listener: MessageListener;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** So many bytes are held before it is worth looking again. */
  #neededBytes = 0;

  constructor(listener: MessageListener) {
    this.#listener = listener;
  }

  /** Takes what was read next; what is incomplete is kept for the next time. */
  read(chunk: Buffer): void {
    const bytes = this.#withHeld(chunk);
    if (bytes === undefined) return;
    const end = this.#readWhole(bytes);
    if (end === bytes.length) return;
    this.#held = [bytes.subarray(end)];
    this.#heldBytes = bytes.length - end;
  }

  #withHeld(chunk: Buffer): Buffer | undefined {
    if (this.#heldBytes === 0) return chunk;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#neededBytes) return undefined;
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return bytes;
  }

  /** @returns where the first reply begins that is incomplete */
  #readWhole(bytes: Buffer): number {
    let at = 0;
    let othersFrom = 0;
    this.#neededBytes = 0;
    while (at < bytes.length) {
      const lengthAt = messageHeadEnd(bytes, at);
      if (lengthAt === undefined) {
        const end = replyEnd(bytes, at);
        if (end === INCOMPLETE) break;
        at = end;
        continue;
      }
      if (othersFrom < at) this.#listener.others(bytes.subarray(othersFrom, at));
      othersFrom = at;
      const end = this.#message(bytes, at, lengthAt);
      if (end === INCOMPLETE) break;
      at = end;
      othersFrom = end;
    }
    if (othersFrom < at) this.#listener.others(bytes.subarray(othersFrom, at));
    return at;
  }

  #message(bytes: Buffer, start: number, lengthAt: number): number {
    const channelAt = lineEnd(bytes, lengthAt);
    if (channelAt === INCOMPLETE) return INCOMPLETE;
    const channelEnd = channelAt + numberAt(bytes, lengthAt);
    // Past the CR, LF and $ that stand between the two.
    const payloadAt = lineEnd(bytes, channelEnd + 3);
    if (payloadAt === INCOMPLETE) return INCOMPLETE;
    const payloadEnd = payloadAt + numberAt(bytes, channelEnd + 3);
    if (payloadEnd + 2 > bytes.length) {
      this.#neededBytes = payloadEnd + 2 - start;
      return INCOMPLETE;
    }
    this.#listener.message(
      bytes.toString('utf8', channelAt, channelEnd),
      bytes.subarray(payloadAt, payloadEnd),
    );
    return payloadEnd + 2;
  }
}

/** @returns where the length of a message's channel begins, or undefined when something else begins at `at` */
function messageHeadEnd(bytes: Buffer, at: number): number | undefined {
  if (bytes[at] !== PUSH && bytes[at] !== ARRAY) return undefined;
  for (const head of HEADS) {
    let matched = 0;
    while (matched < head.length && bytes[at + 1 + matched] === head[matched]) matched += 1;
    if (matched === head.length) return at + 1 + matched;
  }
  return undefined;
}

function replyEnd(bytes: Buffer, at: number): number {
  const next = lineEnd(bytes, at);
  if (next === INCOMPLETE) return INCOMPLETE;
  switch (bytes[at]) {
    case BULK:
    case BULK_ERROR:
    case VERBATIM: {
      const length = numberAt(bytes, at + 1);
      const end = length < 0 ? next : next + length + 2;
      return end > bytes.length ? INCOMPLETE : end;
    }
    case ARRAY:
    case SET:
    case PUSH:
      return repliesEnd(bytes, next, numberAt(bytes, at + 1));
    case MAP:
      return repliesEnd(bytes, next, 2 * numberAt(bytes, at + 1));
    case ATTRIBUTE:
      return repliesEnd(bytes, next, 2 * numberAt(bytes, at + 1) + 1);
    default:
      return next;
  }
}

function repliesEnd(bytes: Buffer, start: number, count: number): number {
  let at = start;
  for (let index = 0; index < count; index += 1) {
    at = replyEnd(bytes, at);
    if (at === INCOMPLETE) return INCOMPLETE;
  }
  return at;
}

/** @returns where the next line begins */
function lineEnd(bytes: Buffer, at: number): number {
  for (let end = at; end + 1 < bytes.length; end += 1) if (bytes[end] === CR) return end + 2;
  return INCOMPLETE;
}

/** The whole number whose line begins at `at`, in a line that is complete. */
function numberAt(bytes: Buffer, at: number): number {
  let value = 0;
  const isNegative = bytes[at] === 0x2d;
  for (let digit = isNegative ? at + 1 : at; bytes[digit] !== CR; digit += 1) {
    value = value * 10 + (bytes[digit] ?? ZERO) - ZERO;
  }
  return isNegative ? -value : value;
}

/**
 * Hands the messages of a connection's channels to `onMessage` as they are read, past ioredis. ioredis gets all else
 * that Redis sends. Half of a message's cost would be ioredis's making of replies and events.
 */
export function tapMessages(redis: Redis, onMessage: MessageListener['message']): void {
  // ioredis listens to the new stream by now, and nothing was read from it yet.
  redis.on('connect', () => {
    const { stream } = redis;
    // Raw, so that one that listens once is called once.
    const listeners = stream.rawListeners('data');
    stream.removeAllListeners('data');
    const reader = new RespReader({
      message: onMessage,
      others: (bytes) => {
        for (const listener of listeners) Reflect.apply(listener, stream, [bytes]);
      },
    });
    stream.on('data', (chunk: Buffer) => {
      reader.read(chunk);
    });
  });
}
