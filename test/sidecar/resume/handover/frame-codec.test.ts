import fc from 'fast-check';
import { frameOf } from '../../../../sidecar/fanout/frame';
import {
  packFrames,
  packRun,
  unpackFrames,
  unpackRun,
} from '../../../../sidecar/resume/handover/frame-codec';
import { FrameRun } from '../../../../sidecar/resume/frame-run';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const frames = fc.array(fc.record({ payload: bytes, binary: fc.boolean() }));

describe('packed frames', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(frames, (sent) => {
        expect(unpackFrames(packFrames(sent))).toEqual(
          sent.map(({ payload, binary }) => frameOf(payload, binary)),
        );
      }),
    );
  });

  it('that are cut short anywhere are never taken for all of them', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (sent, at) => {
        const packed = packFrames(sent);
        const got = unpackFrames(packed.subarray(0, at % packed.length));
        expect(got === undefined || got.length < sent.length).toBe(true);
      }),
    );
  });

  it.each([[''], ['00'], ['0200'], ['0104'], ['010000000002aa']])('do not come from %j', (hex) => {
    expect(unpackFrames(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  it('are never read past the end of any bytes', () => {
    fc.assert(
      fc.property(bytes, (any) => {
        const got = unpackFrames(Buffer.concat([Buffer.of(1), any]));
        const size = (got ?? []).reduce((sum, { payload }) => sum + payload.length + 5, 0);
        expect(got === undefined || size === any.length).toBe(true);
      }),
    );
  });
});

/** Sizes on either side of what a frame's header has room for. */
const wide = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.constantFrom(125, 126, 65_535, 65_536)), {
  maxLength: 12,
});
const runOf = (sizes: readonly number[]): FrameRun =>
  FrameRun.of(sizes.map((size, index) => frameOf(Buffer.alloc(size, index), index % 2 === 0)));

describe('a packed run of frames', () => {
  it('comes out as it went in', () => {
    fc.assert(
      fc.property(wide, (sizes) => {
        const run = runOf(sizes);
        const got = unpackRun(packRun(run), sizes.length);
        expect(got?.bytes.equals(run.bytes)).toBe(true);
        expect(sizes.map((_, index) => got?.payloadBytes(index))).toEqual(sizes);
      }),
      { numRuns: 30 },
    );
  });

  it('is none when it is cut short, or has another number of frames', () => {
    fc.assert(
      fc.property(wide, fc.nat(), (sizes, at) => {
        const packed = packRun(runOf(sizes));
        expect(unpackRun(packed.subarray(0, at % packed.length), sizes.length)).toBeUndefined();
        expect(unpackRun(packed, sizes.length + 1)).toBeUndefined();
        if (sizes.length > 0) expect(unpackRun(packed, sizes.length - 1)).toBeUndefined();
      }),
      { numRuns: 30 },
    );
  });

  it('is never read past the end of any bytes', () => {
    fc.assert(
      fc.property(bytes, fc.nat({ max: 20 }), (any, count) => {
        const got = unpackRun(Buffer.concat([Buffer.of(2), any]), count);
        expect(got === undefined || got.slice(0, count).length === any.length).toBe(true);
      }),
    );
  });

  it.each([[''], ['01'], ['02c100'], ['028180'], ['0281'], ['02817e00']])('does not come from %j', (hex) => {
    expect(unpackRun(Buffer.from(hex, 'hex'), 1)).toBeUndefined();
  });
});
