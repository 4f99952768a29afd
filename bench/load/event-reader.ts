import { OPCODE_TEXT, type OnFrame } from './frame-reader';

const LF = 0x0a;
const DATA = Buffer.from('data: ');
const CHUNK_SIZE = /^[0-9a-f]{1,8}$/i;

/**
 * Cuts an event stream (PROTOCOL.md §11) into its frames, and the chunks of HTTP/1.1 (RFC 9112 §7.1) before. Each of the bench's frames is one
 * line. A gateway makes chunks of its own, which may end in the middle of one.
 */
export class EventReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of a chunk that are still to come; its size line is next when there are none. */
  #chunkBytes = 0;
  #line: Buffer = Buffer.alloc(0);

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  push(bytes: Buffer): void {
    // The bytes are lent.
    let buffer: Buffer = Buffer.concat([this.#rest, bytes]);
    while (buffer.length > 0) {
      if (this.#chunkBytes > 0) {
        const content = buffer.subarray(0, this.#chunkBytes);
        this.#chunkBytes -= content.length;
        buffer = buffer.subarray(content.length);
        this.#content(content);
        continue;
      }
      const end = buffer.indexOf(LF);
      if (end === -1) break;
      const size = buffer.toString('latin1', 0, end).trim();
      // The end of the chunk before is an empty line.
      if (CHUNK_SIZE.test(size)) this.#chunkBytes = Number.parseInt(size, 16);
      buffer = buffer.subarray(end + 1);
    }
    this.#rest = buffer;
  }

  #content(content: Buffer): void {
    let buffer = this.#line.length === 0 ? content : Buffer.concat([this.#line, content]);
    for (let end = buffer.indexOf(LF); end !== -1; end = buffer.indexOf(LF)) {
      const isData = buffer.subarray(0, DATA.length).equals(DATA);
      if (isData) this.#onFrame(OPCODE_TEXT, buffer, DATA.length, end);
      buffer = buffer.subarray(end + 1);
    }
    this.#line = Buffer.from(buffer);
  }
}
