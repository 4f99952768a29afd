import { frameOf } from '../../../sidecar/fanout/frame';
import { FrameRun } from '../../../sidecar/resume/frame-run';
import { ReplayLog } from '../../../sidecar/resume/replay-log';
import { unboundedRings } from './rings';

const frame = (text: string) => frameOf(Buffer.from(text), false);
const run = (...texts: string[]) => FrameRun.of(texts.map(frame));
const textsOf = (log: ReplayLog, offset: number): unknown => {
  const replay = log.replay({ epoch: 'e', offset });
  return replay.kind === 'gap' ? replay.reason : replay.missed.map(({ payload }) => payload.toString());
};

function openStream(maxBytes: number): ReplayLog {
  const keeping = { maxItems: 8, maxBytes, lingerMs: 0 };
  const identity = { tenant: 'acme', owner: 'alice', channels: ['c'], senderId: undefined, keeping };
  const log = new ReplayLog(identity, 'e', unboundedRings(), 1000);
  log.open();
  return log;
}

describe("another bridge's frames", () => {
  it('come before those that were heard since the cut', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    log.deliver(frame('live'));
    expect(log.precede(cut, run('h1', 'h2'))).toEqual({ epoch: 'e', offset: 998 });
    expect(textsOf(log, 998)).toEqual(['h1', 'h2', 'live']);
    expect(textsOf(log, 999)).toEqual(['h2', 'live']);
  });

  it('are never replayed under the offsets of frames from behind the cut that had to go', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    for (const text of ['x1', 'x2', 'y'.repeat(99), 'z'.repeat(10)]) log.deliver(frame(text));
    const first = log.precede(cut, run('h1', 'h2'));
    expect(textsOf(log, first.offset)).toBe('expired');
    // Another socket of the same owner, which got x1.
    expect(textsOf(log, 1001)).toBe('expired');
  });
});
