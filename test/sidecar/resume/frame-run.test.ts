import fc from 'fast-check';
import { frameOf } from '../../../sidecar/fanout/frame';
import { FrameRun } from '../../../sidecar/resume/frame-run';

const payload = fc
  .oneof(fc.nat({ max: 40 }), fc.constantFrom(125, 126, 65_535, 65_536))
  .map((bytes) => Buffer.alloc(bytes, bytes));
const frames = fc.array(
  fc.tuple(payload, fc.boolean()).map(([bytes, binary]) => frameOf(bytes, binary)),
  { maxLength: 8 },
);

describe('frames in a row', () => {
  it('are each where they were, whether they are joined or read from their bytes', () => {
    fc.assert(
      fc.property(frames, (each) => {
        const wires = each.map(({ wire }) => wire);
        const parsed = FrameRun.parse(Buffer.concat(wires), each.length);
        for (const run of [FrameRun.of(each), FrameRun.join(wires, each.length), parsed]) {
          expect(run?.size).toBe(each.length);
          for (const [index, { wire, payloadBytes }] of each.entries()) {
            expect(run?.slice(index, index + 1).equals(wire)).toBe(true);
            expect(run?.wireBytes(index)).toBe(wire.length);
            expect(run?.payloadBytes(index)).toBe(payloadBytes);
          }
        }
      }),
    );
  });

  it('have their first ones as a run of its own', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (each, any) => {
        const count = any % (each.length + 1);
        const first = FrameRun.of(each).first(count);
        const wires = each.slice(0, count).map(({ wire }) => wire);
        expect(first.size).toBe(count);
        expect(first.bytes.equals(Buffer.concat(wires))).toBe(true);
        for (const [index, wire] of wires.entries()) expect(first.wireBytes(index)).toBe(wire.length);
      }),
    );
  });

  it('are read from no bytes that are fewer, more or others than so many frames', () => {
    const two = Buffer.concat(['one', 'two'].map((text) => frameOf(Buffer.from(text), false).wire));
    expect(FrameRun.parse(two, 2)?.size).toBe(2);
    expect(FrameRun.parse(two, 1)).toBeUndefined();
    expect(FrameRun.parse(two, 3)).toBeUndefined();
    expect(FrameRun.parse(two.subarray(0, -1), 2)).toBeUndefined();
    expect(FrameRun.parse(two.subarray(0, -1), 1)).toBeUndefined();
    expect(FrameRun.parse(Buffer.concat([two, Buffer.of(0x81)]), 2)).toBeUndefined();
    expect(FrameRun.parse(Buffer.concat([two, Buffer.of(0x88, 0)]), 3)).toBeUndefined();
    expect(FrameRun.parse(Buffer.alloc(0), 1)).toBeUndefined();
    expect(FrameRun.parse(Buffer.alloc(0), 0)?.size).toBe(0);
  });
});
