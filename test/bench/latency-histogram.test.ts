import { LatencyHistogram } from '../../bench/latency-histogram';

test('percentiles are right to one percent, from microseconds to minutes', () => {
  const histogram = new LatencyHistogram();
  for (let latency = 1; latency <= 1000; latency += 1) histogram.record(latency * 100);
  expect(histogram.percentileUs(0.5) / 50_000).toBeCloseTo(1, 2);
  expect(histogram.percentileUs(0.99) / 99_000).toBeCloseTo(1, 2);
  expect(histogram.percentileUs(1) / 100_000).toBeCloseTo(1, 2);
});

test('one slow frame of a hundred is the p100, not the p99', () => {
  const histogram = new LatencyHistogram();
  for (let frame = 0; frame < 99; frame += 1) histogram.record(10);
  histogram.record(60_000_000);
  expect(histogram.percentileUs(0.99)).toBeLessThan(11);
  expect(histogram.percentileUs(1) / 60_000_000).toBeCloseTo(1, 2);
});

test('of no frames there is no percentile', () => {
  expect(new LatencyHistogram().percentileUs(0.5)).toBeNaN();
});
