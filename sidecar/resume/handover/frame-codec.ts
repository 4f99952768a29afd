import { frameOf, type Frame } from '../../fanout/frame';
import { FrameRun } from '../frame-run';

/** Version 1, then for each frame: its kind, the payload's length in 4 bytes, the payload. */
const VERSION = 1;
const HEADER_BYTES = 5;
const TEXT = 0;
const BINARY = 1;

/** Packs frames for their way from one bridge to another (PROTOCOL.md §7). */
export function packFrames(frames: readonly Pick<Frame, 'payload' | 'binary'>[]): Buffer {
  const payloads = frames.map(({ payload }) => payload);
  const size = payloads.reduce((sum, payload) => sum + HEADER_BYTES + payload.length, 1);
  const packed = Buffer.allocUnsafe(size);
  let at = packed.writeUInt8(VERSION);
  for (const [index, payload] of payloads.entries()) {
    at = packed.writeUInt8(frames[index]?.binary === true ? BINARY : TEXT, at);
    at = packed.writeUInt32BE(payload.length, at);
    packed.set(payload, at);
    at += payload.length;
  }
  return packed;
}

/** Unpacks what {@link packFrames} packed. @returns undefined for anything else */
export function unpackFrames(packed: Buffer): readonly Frame[] | undefined {
  if (packed[0] !== VERSION) return undefined;
  const frames: Frame[] = [];
  let at = 1;
  while (at < packed.length) {
    const kind = packed[at];
    if ((kind !== TEXT && kind !== BINARY) || at + HEADER_BYTES > packed.length) return undefined;
    const end = at + HEADER_BYTES + packed.readUInt32BE(at + 1);
    if (end > packed.length) return undefined;
    frames.push(frameOf(packed.subarray(at + HEADER_BYTES, end), kind === BINARY));
    at = end;
  }
  return frames;
}

/** Version 2, then each frame as it goes to a client (RFC 6455 §5.2). */
const WIRE_VERSION = 2;

/** Packs all that is kept for its way from one bridge to another (PROTOCOL.md §7). */
export function packRun({ bytes }: FrameRun): Buffer {
  return Buffer.concat([Buffer.of(WIRE_VERSION), bytes]);
}

/** Unpacks what {@link packRun} packed. @returns undefined for anything but `count` frames */
export function unpackRun(packed: Buffer, count: number): FrameRun | undefined {
  return packed[0] === WIRE_VERSION ? FrameRun.parse(packed.subarray(1), count) : undefined;
}
