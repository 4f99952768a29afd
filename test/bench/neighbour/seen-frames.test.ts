import { SeenFrames } from '../../../bench/neighbour/seen-frames';

test('the first, one in the middle and the last are missed, by their indexes', () => {
  const seen = new SeenFrames();
  for (const index of [1, 3]) seen.mark(0, index);
  expect(seen.missing(0, 5)).toEqual([0, 2, 4]);
});

test('a frame that came before, or behind a later one, is told, and stands for no other', () => {
  const seen = new SeenFrames();
  expect([0, 2, 2, 1].map((index) => seen.mark(0, index))).toEqual([true, true, false, false]);
  expect(seen.missing(0, 4)).toEqual([3]);
});

test('each socket is counted by itself, also one that got nothing', () => {
  const seen = new SeenFrames();
  seen.mark(0, 0);
  expect(seen.missing(1, 1)).toEqual([0]);
});

test('it counts as many as come', () => {
  const seen = new SeenFrames();
  for (let index = 0; index < 5000; index += 1) seen.mark(0, index);
  expect(seen.missing(0, 5001)).toEqual([5000]);
});
