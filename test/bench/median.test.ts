import { median, medians } from '../../bench/median';

test('the median is the middle value, in whatever order they come', () => {
  expect(median([9, 1, 10])).toBe(9);
});

test('of an even number of values it is the mean of the two in the middle', () => {
  expect(median([40, 10, 30, 20])).toBe(25);
});

test('of nothing it is not a number', () => {
  expect(median([])).toBeNaN();
});

test('each figure has a median of its own', () => {
  const rounds = [
    { cpu: 3, p50: 7 },
    { cpu: 1, p50: 9 },
    { cpu: 2, p50: 8 },
  ];
  expect(medians(rounds)).toEqual({ cpu: 2, p50: 8 });
});
