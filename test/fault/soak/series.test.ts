import { describe, expect, it } from '@jest/globals';
import { trendOf, type Series } from './series';

const COUNT = 300;

/** A series whose value at each moment is this. */
function series(valueAt: (index: number) => number, count = COUNT): Series {
  return {
    name: 'memory',
    unit: 'MiB',
    tolerance: { share: 0.1, least: 2 },
    samples: Array.from({ length: count }, (_, index) => ({ atMs: index * 5000, value: valueAt(index) })),
  };
}
const saw = (index: number): number => 100 + 15 * ((index % 7) / 7);

describe('a series of a soak', () => {
  it('is flat when it only goes up and down', () => {
    expect(trendOf(series(saw))).toMatchObject({ isFlat: true });
  });

  it('is flat when it grew in its warm-up only, or when something broken made a peak', () => {
    expect(trendOf(series((index) => saw(index) + Math.min(index, COUNT / 3)))).toMatchObject({
      isFlat: true,
    });
    expect(trendOf(series((index) => saw(index) + (index % 50 === 49 ? 500 : 0)))).toMatchObject({
      isFlat: true,
    });
  });

  it('is not flat when it grows by more than its tolerance, however much it goes up and down', () => {
    const { isFlat, growth, allowed } = trendOf(series((index) => saw(index) + index / 10));
    expect(isFlat).toBe(false);
    expect(allowed).toBeCloseTo(12.6, 0);
    expect(growth).toBeCloseTo(20, 0);
  });

  it('may grow by the least that is allowed, where its share is less', () => {
    expect(trendOf(series((index) => index / 150))).toMatchObject({ isFlat: true, allowed: 2 });
    expect(trendOf(series((index) => index / 50))).toMatchObject({ isFlat: false, allowed: 2 });
  });

  it('is judged the same by some of many samples, and is flat without any', () => {
    const step = 12;
    const many = trendOf(series((index) => saw(index) + index / 10 / step, COUNT * step));
    expect(many.growth).toBeCloseTo(20, 0);
    expect(trendOf(series(saw, 1))).toMatchObject({ growth: 0, isFlat: true });
  });
});
