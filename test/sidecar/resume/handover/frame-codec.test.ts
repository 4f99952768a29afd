import fc from 'fast-check';
import { frameOf } from '../../../../sidecar/fanout/frame';
import { packFrames, unpackFrames } from '../../../../sidecar/resume/handover/frame-codec';

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
