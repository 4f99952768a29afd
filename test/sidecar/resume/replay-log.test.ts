import { frameOf } from '../../../sidecar/fanout/frame';
import { ReplayLog } from '../../../sidecar/resume/replay-log';
import { unboundedRings } from './rings';

const frame = (text: string) => frameOf(Buffer.from(text), false);
const textsOf = (log: ReplayLog, offset: number): unknown => {
  const replay = log.replay({ epoch: 'e', offset });
  return replay.kind === 'gap' ? replay.reason : replay.missed.map(({ payload }) => payload.toString());
};

function openStream(maxBytes: number): ReplayLog {
  const identity = { tenant: 'acme', owner: 'alice', channels: ['c'], senderId: undefined };
  const log = new ReplayLog(identity, 'e', { maxItems: 8, maxBytes }, unboundedRings(), 1000);
  log.open();
  return log;
}

describe("another bridge's frames", () => {
  it('come before those that were heard since the cut', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    log.deliver(frame('live'));
    expect(log.precede(cut, [frame('h1'), frame('h2')])).toEqual({ epoch: 'e', offset: 998 });
    expect(textsOf(log, 998)).toEqual(['h1', 'h2', 'live']);
    expect(textsOf(log, 999)).toEqual(['h2', 'live']);
  });

  it('are never replayed under the offsets of frames from behind the cut that had to go', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    for (const text of ['x1', 'x2', 'y'.repeat(99), 'z'.repeat(10)]) log.deliver(frame(text));
    const first = log.precede(cut, [frame('h1'), frame('h2')]);
    expect(textsOf(log, first.offset)).toBe('expired');
    // Another socket of the same owner, which got x1.
    expect(textsOf(log, 1001)).toBe('expired');
  });
});
