import { frameOf } from '../../../sidecar/fanout/frame';
import { Stream } from '../../../sidecar/resume/replay-log';
import { unboundedRings } from './rings';

const frame = (text: string) => frameOf(Buffer.from(text), false);
const textsOf = (stream: Stream, offset: number): unknown => {
  const replay = stream.replay({ epoch: 'e', offset });
  return replay.kind === 'gap' ? replay.reason : replay.missed.map(({ payload }) => payload.toString());
};

function openStream(maxBytes: number): Stream {
  const identity = { tenant: 'acme', owner: 'alice', channels: ['c'], senderId: undefined };
  const stream = new Stream(identity, 'e', { maxItems: 8, maxBytes }, unboundedRings(), 1000);
  stream.open();
  return stream;
}

describe("another bridge's frames", () => {
  it('come before those that were heard since the cut', () => {
    const stream = openStream(100);
    const cut = stream.cut(undefined);
    stream.take(frame('live'));
    expect(stream.precede(cut, [frame('h1'), frame('h2')])).toEqual({ epoch: 'e', offset: 998 });
    expect(textsOf(stream, 998)).toEqual(['h1', 'h2', 'live']);
    expect(textsOf(stream, 999)).toEqual(['h2', 'live']);
  });

  it('are never replayed under the offsets of frames from behind the cut that had to go', () => {
    const stream = openStream(100);
    const cut = stream.cut(undefined);
    for (const text of ['x1', 'x2', 'y'.repeat(99), 'z'.repeat(10)]) stream.take(frame(text));
    const first = stream.precede(cut, [frame('h1'), frame('h2')]);
    expect(textsOf(stream, first.offset)).toBe('expired');
    // Another socket of the same owner, which got x1.
    expect(textsOf(stream, 1001)).toBe('expired');
  });
});
