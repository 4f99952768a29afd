import { isUtf8 } from 'node:buffer';
import { OPCODE } from './frames';

/** A message or a control frame, as it came. */
export interface Received {
  readonly opcode: number;
  readonly payload: Buffer;
}

interface Header {
  readonly fin: boolean;
  readonly opcode: number;
  readonly start: number;
  readonly length: number;
}

/** Reads a server's frames, and throws at the first thing in them that RFC 6455 forbids a server. */
export class StrictReader {
  #chunks: Buffer[] = [];
  #length = 0;
  /** So many bytes must be there before it is worth looking again. */
  #wanted = 2;
  /** The frames of a message that is not over. */
  #begun: Received[] = [];
  #isClosed = false;

  /** Takes bytes. @returns the messages and control frames that they complete */
  push(chunk: Buffer): readonly Received[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const received: Received[] = [];
    while (this.#length >= this.#wanted) {
      const bytes = Buffer.concat(this.#chunks);
      this.#chunks = [bytes];
      const header = readHeader(bytes);
      const end = typeof header === 'number' ? header : header.start + header.length;
      this.#wanted = end;
      if (typeof header === 'number' || bytes.length < end) continue;
      this.#chunks = [bytes.subarray(end)];
      this.#length -= end;
      this.#wanted = 2;
      const whole = this.#take(header, bytes.subarray(header.start, end));
      if (whole !== undefined) received.push(whole);
    }
    return received;
  }

  #take({ fin, opcode }: Header, payload: Buffer): Received | undefined {
    require(!this.#isClosed, '§5.5.1: nothing after a close frame');
    if (opcode >= OPCODE.close) {
      require(fin, '§5.5: a control frame in one piece');
      require(payload.length <= 125, '§5.5: at most 125 bytes in a control frame');
      if (opcode === OPCODE.close) this.#close(payload);
      return { opcode, payload };
    }
    require((opcode === OPCODE.continuation) === this.#begun.length > 0, '§5.4: fragments in one sequence');
    this.#begun.push({ opcode, payload });
    if (!fin) return undefined;
    const message = {
      opcode: this.#begun[0]?.opcode ?? opcode,
      payload: Buffer.concat(this.#begun.map((part) => part.payload)),
    };
    this.#begun = [];
    require(message.opcode !== OPCODE.text || isUtf8(message.payload), '§5.6: UTF-8 in a text message');
    return message;
  }

  #close(payload: Buffer): void {
    this.#isClosed = true;
    if (payload.length === 0) return;
    require(payload.length >= 2, '§5.5.1: a close code of two bytes');
    require(maySend(payload.readUInt16BE()), '§7.4: a close code that may be sent');
    require(isUtf8(payload.subarray(2)), '§5.5.1: UTF-8 in a close reason');
  }
}

/** The header of a frame, or how many bytes must be there to read it. */
function readHeader(bytes: Buffer): Header | number {
  const [first = 0, second = 0] = bytes;
  const opcode = first & 0x0f;
  require((first & 0x70) === 0, '§5.2: no reserved bit');
  require(Object.values<number>(OPCODE).includes(opcode), '§5.2: a known opcode');
  require((second & 0x80) === 0, '§5.1: no mask of a server');
  const fin = (first & 0x80) !== 0;
  if (second < 126) return { fin, opcode, start: 2, length: second };
  const start = second === 126 ? 4 : 10;
  if (bytes.length < start) return start;
  const length = second === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  require(length > (second === 126 ? 125 : 65_535), '§5.2: the shortest form of a length');
  require(length <= Number.MAX_SAFE_INTEGER, '§5.2: a length of 63 bits');
  return { fin, opcode, start, length };
}

/** Whether an endpoint may send a close code (RFC 6455 §7.4.1 and §7.4.2, and IANA's registry up to 1014). */
function maySend(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code < 5000)
  );
}

function require(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Error(`expected, by RFC 6455 ${rule}`);
}
