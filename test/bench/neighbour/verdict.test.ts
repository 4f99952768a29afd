import { verdictOf } from '../../../bench/neighbour/verdict';

const BOUNDS = { memoryMb: 768, coalesceMs: 16 };
const WELL = {
  ...{ tokenP99Ms: 5, ackP99Ms: 10, connectP99Ms: 20 },
  ...{ lost: 0, doubled: 0, gaps: 0, closed: 0, refused: 0, evicted: 0 },
  ...{ livezMs: 4, peakMb: 120 },
};
const verdict = (beside: Readonly<Record<string, number>>): readonly string[] =>
  verdictOf(WELL, { ...WELL, ...beside }, BOUNDS);

test('who is as well as when it was calm is well', () => {
  expect(verdict({})).toEqual([]);
});

test.each(['lost', 'doubled', 'gaps', 'closed', 'refused', 'evicted'])(
  'a single one that is %s is too many',
  (fault) => {
    expect(verdict({ [fault]: 1 })).toEqual([fault]);
  },
);

test.each(['token', 'ack', 'connect'])('a p99 of %s is too late at more than twice the calm one', (kind) => {
  expect(verdict({ [`${kind}P99Ms`]: 100 })).toEqual([`${kind} p99`]);
});

test('what a busy bridge gathers frames for is not too late', () => {
  expect(verdict({ tokenP99Ms: 20 })).toEqual([]);
  expect(verdict({ tokenP99Ms: 22 })).toEqual(['token p99']);
});

test('nothing to time is not well: all of it was refused, or never came', () => {
  expect(verdict({ tokenP99Ms: NaN })).toEqual(['token p99']);
});

test('the liveness probe and the memory have bounds of their own', () => {
  expect(verdict({ livezMs: 201 })).toEqual(['livez']);
  expect(verdict({ peakMb: 769 })).toEqual(['memory']);
  expect(verdict({ afterMb: 200 })).toEqual([]);
  expect(verdict({ afterMb: 249 })).toEqual(['memory stays']);
});

test('a bridge that has ended is the worst', () => {
  expect(verdict({ ended: 1 })).toContain('bridge ended');
});
