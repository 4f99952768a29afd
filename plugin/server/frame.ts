/** The largest frame that is read: Kong's are bounded by its request header buffers (32 KiB by default). */
export const MAX_FRAME_BYTES = 1024 * 1024;

const LENGTH_BYTES = 4;

/** A peer that does not speak the protocol. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code = 'ERR_PROTOCOL';
}

/**
 * Cuts a byte stream into frames: a uint32 length, little-endian, then that many bytes
 * (kong/runloop/plugin_servers/rpc/pb_rpc.lua, read_frame). Frames may arrive cut or glued anywhere.
 */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  /**
   * Takes what arrived and returns the frames that are whole now; a frame may share memory with `chunk`.
   * @throws ProtocolError for a frame over {@link MAX_FRAME_BYTES}
   */
  push(chunk: Buffer): Buffer[] {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const frames: Buffer[] = [];
    while (rest.length >= LENGTH_BYTES) {
      const length = rest.readUInt32LE(0);
      if (length > MAX_FRAME_BYTES) {
        throw new ProtocolError(`expected a frame of at most ${MAX_FRAME_BYTES} bytes, got ${length}`);
      }
      const end = LENGTH_BYTES + length;
      if (rest.length < end) break;
      frames.push(rest.subarray(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#held = rest;
    return frames;
  }
}

/** Joins frames into one buffer, for one write. */
export function encodeFrames(frames: readonly Uint8Array[]): Buffer {
  const size = frames.reduce((sum, frame) => sum + LENGTH_BYTES + frame.length, 0);
  const buffer = Buffer.allocUnsafe(size);
  let offset = 0;
  for (const frame of frames) {
    offset = buffer.writeUInt32LE(frame.length, offset);
    buffer.set(frame, offset);
    offset += frame.length;
  }
  return buffer;
}
