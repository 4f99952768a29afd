/** The largest frame that is read: Kong's are bounded by its request header buffers (32 KiB by default). */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** The length before each frame: a uint32, little-endian. */
export const LENGTH_BYTES = 4;

const EMPTY: Buffer = Buffer.alloc(0);

/** A peer that does not speak the protocol. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code = 'ERR_PROTOCOL';
}

/**
 * Cuts a byte stream into frames: a length, then that many bytes (kong/runloop/plugin_servers/rpc/pb_rpc.lua,
 * read_frame). Frames may arrive cut or glued anywhere; one that arrives whole is not copied, its length may have come before.
 */
export class FrameReader {
  #held = EMPTY;
  /** The length of the frame whose bytes are awaited; undefined while a length is awaited itself. */
  #length: number | undefined;

  /**
   * Takes what arrived and returns the frames that are whole now; a frame may share memory with `chunk`.
   * @throws ProtocolError for a frame over {@link MAX_FRAME_BYTES}
   */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    for (;;) {
      if (this.#length === undefined) {
        if (bytes.length - at < LENGTH_BYTES) break;
        this.#length = lengthAt(bytes, at);
        at += LENGTH_BYTES;
      }
      const end = at + this.#length;
      if (bytes.length < end) break;
      frames.push(part(bytes, at, end));
      at = end;
      this.#length = undefined;
    }
    this.#held = part(bytes, at, bytes.length);
    return frames;
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32LE(at);
  if (length > MAX_FRAME_BYTES) {
    throw new ProtocolError(`expected a frame of at most ${MAX_FRAME_BYTES} bytes, got ${length}`);
  }
  return length;
}

function part(bytes: Buffer, start: number, end: number): Buffer {
  if (start === end) return EMPTY;
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}
