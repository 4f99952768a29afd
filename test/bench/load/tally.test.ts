import { Tally } from '../../../bench/load/tally';

const NOW = 5_000;

function tallyOf(...frames: readonly (readonly [socket: number, index: number])[]): Tally {
  const tally = new Tally();
  for (const [socket, index] of frames) tally.frame(socket, index, NOW, NOW);
  return tally;
}

test('a frame that does not come is lost: the first, one in the middle, the last', () => {
  expect(tallyOf([0, 1], [0, 2]).counts([3]).lost).toBe(1);
  expect(tallyOf([0, 0], [0, 2]).counts([3]).lost).toBe(1);
  expect(tallyOf([0, 0], [0, 1]).counts([3]).lost).toBe(1);
});

test('each socket is counted by itself: what one got twice does not stand for what another lacks', () => {
  const counts = tallyOf([0, 0], [0, 0], [0, 1], [1, 0]).counts([2, 2]);
  expect(counts).toMatchObject({ lost: 1, misplaced: 1 });
});

test('a socket that got nothing lacks everything', () => {
  expect(tallyOf([0, 0]).counts([1, 1, 1]).lost).toBe(2);
});

test('what comes within the window is delivered, what was made within it is timed', () => {
  const tally = new Tally();
  tally.watch({ startUs: 1_000_000, endUs: 2_000_000 });
  tally.frame(0, 0, 100, 1_100_000);
  tally.frame(0, 1, 1_500_000, 1_510_000);
  tally.frame(0, 2, 1_900_000, 2_400_000);
  tally.frame(0, 3, 2_100_000, 2_100_001);
  const { delivered, p50Ms, p99Ms, lost } = tally.counts([4]);
  expect({ delivered, lost }).toEqual({ delivered: 2, lost: 0 });
  expect(p50Ms / 10).toBeCloseTo(1, 2);
  expect(p99Ms / 500).toBeCloseTo(1, 2);
});
