import { dueUs } from '../../../bench/neighbour/pursue';
import { RateLimiter } from '../../../sidecar/inbound/rate-limiter';

test('the burst comes at once, the others one by one', () => {
  const rate = { perSecond: 100, burst: 200 };
  expect(dueUs(0, rate)).toBe(0);
  expect(dueUs(179, rate)).toBe(0);
  expect(dueUs(180, rate)).toBeCloseTo(11_111, 0);
  expect(dueUs(181, rate)).toBeCloseTo(22_222, 0);
});

test('who keeps to it has none refused by the bridge, and comes near to what it takes', () => {
  const rate = { perSecond: 100, burst: 200 };
  const rateLimiter = new RateLimiter(rate);
  const times = Array.from({ length: 5000 }, (_, number) => dueUs(number, rate));
  expect(times.filter((timeUs) => rateLimiter.take(1000 + timeUs / 1000) !== 'taken')).toEqual([]);
  expect(5000 / ((times.at(-1) ?? NaN) / 1_000_000)).toBeGreaterThan(85);
});
