import { bridgeOf, epochOf, parseResumePoint, replayFrom } from '../../../sidecar/resume/resume-point';
import { frameOf, type Frame } from '../../../sidecar/fanout/frame';
import { FrameRing } from '../../../sidecar/resume/frame-ring';
import { unboundedRings } from './rings';

describe('a resume point', () => {
  it.each([
    ['a.0', { epoch: 'a', offset: 0 }],
    ['A-z_9.9007199254740991', { epoch: 'A-z_9', offset: Number.MAX_SAFE_INTEGER }],
    [`${'e'.repeat(128)}.1`, { epoch: 'e'.repeat(128), offset: 1 }],
    ['a.007', { epoch: 'a', offset: 7 }],
  ])('is read from %p', (text, point) => {
    expect(parseResumePoint(text)).toEqual(point);
  });

  it.each([
    '',
    'a',
    'a.',
    '.1',
    'a.b',
    'a.-1',
    'a.1.2',
    'a.1 ',
    ' a.1',
    'a b.1',
    'ä.1',
    'a.1\n',
    `${'e'.repeat(129)}.1`,
    'a.9007199254740992',
    `a.${'0'.repeat(16)}1`,
  ])('is not read from %p', (text) => {
    expect(parseResumePoint(text)).toBeUndefined();
  });
});

describe('an epoch', () => {
  it('names the bridge that made it, and which of its epochs it is', () => {
    const epochs = [1, 35, 36].map((count) => epochOf('0123456789abcdef', count));
    expect(epochs).toEqual(['0123456789abcdef_1', '0123456789abcdef_z', '0123456789abcdef_10']);
    expect(epochs.map(bridgeOf)).toEqual(Array(3).fill('0123456789abcdef'));
  });

  it.each([
    'h0123456789abcdef_1',
    '0123456789abcdef_',
    '0123456789abcdef_1:x',
    '0123456789ABCDEF_1',
    '0123456789abcde_1',
    '0123456789abcdef',
  ])('of somebody else, such as %s, names none', (epoch) => {
    expect(bridgeOf(epoch)).toBeUndefined();
  });
});

describe('what was missed since a point', () => {
  const frame = (text: string): Frame => frameOf(Buffer.from(text), false);
  const ring = new FrameRing({ maxItems: 3, maxBytes: 100 }, unboundedRings(), 10);
  for (const text of ['a', 'b', 'c', 'd', 'e']) ring.push(frame(text));

  it.each([
    [12, ['c', 'd', 'e']],
    [14, ['e']],
    [15, []],
  ])('from %d on are the frames that are kept', (offset, missed) => {
    expect(replayFrom({ epoch: 'e', offset }, 'e', ring)).toEqual({
      kind: 'resumed',
      offset,
      missed: missed.map(frame),
    });
  });

  it.each([
    ['e', 11, 'expired'],
    ['e', 0, 'expired'],
    ['e', 16, 'unknown'],
    ['other', 15, 'unknown'],
  ])('of %s.%d is not known: %s', (epoch, offset, reason) => {
    expect(replayFrom({ epoch, offset }, 'e', ring)).toEqual({ kind: 'gap', reason });
  });
});
