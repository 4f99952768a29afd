import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FrameReader, MAX_FRAME_BYTES, ProtocolError } from '../../../../plugin/server/protobuf/frame';
import { constantFrame } from '../../../../plugin/server/protobuf/frame-writer';

function framed(frames: readonly Uint8Array[]): Buffer {
  const length = (bytes: number) => Buffer.from(Uint32Array.of(bytes).buffer);
  return Buffer.concat(frames.flatMap((frame) => [length(frame.length), frame]));
}

describe('frames', () => {
  it('come out as they went in, wherever the stream is cut or glued', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.array(bytes), fc.array(fc.nat(2000)), (frames, cuts) => {
        const stream = framed(frames);
        const edges = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort(
          (a, b) => a - b,
        );
        const reader = new FrameReader();
        const read = edges.slice(1).flatMap((edge, i) => reader.push(stream.subarray(edges[i], edge)));
        expect(read.map((frame) => [...frame])).toEqual(frames.map((frame) => [...frame]));
      }),
    );
  });

  it('are little-endian and may be empty', () => {
    expect([...constantFrame('ab'), ...constantFrame('')]).toEqual([2, 0, 0, 0, 97, 98, 0, 0, 0, 0]);
  });

  it('over the limit are refused before they are read', () => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(MAX_FRAME_BYTES + 1);
    expect(() => new FrameReader().push(length)).toThrow(ProtocolError);
  });
});
