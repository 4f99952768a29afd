/** RFC 6455 §5.2. */
export const OPCODE_TEXT = 0x1;
export const OPCODE_CLOSE = 0x8;
export const OPCODE_PING = 0x9;
export const OPCODE_PONG = 0xa;

/** A frame of a server: its opcode, and where its payload is in the buffer, which is only lent. */
export type OnFrame = (opcode: number, buffer: Buffer, start: number, end: number) => void;

/** Cuts what a server sends into frames (RFC 6455 §5.2). Servers neither mask nor, here, fragment. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** So many bytes are there before it is worth looking again. */
  #neededBytes = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    if (this.#restBytes + chunk.length < this.#neededBytes) {
      this.#hold(chunk);
      return;
    }
    const buffer = this.#restBytes === 0 ? chunk : Buffer.concat([...this.#rest, chunk]);
    this.#rest = [];
    this.#restBytes = 0;
    this.#neededBytes = 0;
    let offset = 0;
    for (;;) {
      const available = buffer.length - offset;
      if (available < 2) break;
      const short = (buffer[offset + 1] ?? 0) & 0x7f;
      const header = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (available < header) break;
      const length =
        short < 126
          ? short
          : short === 126
            ? buffer.readUInt16BE(offset + 2)
            : Number(buffer.readBigUInt64BE(offset + 2));
      if (available < header + length) {
        this.#neededBytes = header + length;
        break;
      }
      const start = offset + header;
      this.#onFrame((buffer[offset] ?? 0) & 0x0f, buffer, start, start + length);
      offset = start + length;
    }
    if (offset < buffer.length) this.#hold(buffer.subarray(offset));
  }

  /** The chunk is lent: what stays is copied. */
  #hold(bytes: Buffer): void {
    this.#rest.push(Buffer.from(bytes));
    this.#restBytes += bytes.length;
  }
}

/** A client's frame of up to 125 bytes, masked as RFC 6455 §5.3 asks, with zeros, which change nothing. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}
