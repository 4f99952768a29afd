import { describe, expect, it } from '@jest/globals';
import { FIRST_DELAY_MS, MAX_SHORT_LIVES, Restarts, ROW_GAP_MS, SHORT_LIFE_MS } from '../../workers/restarts';

describe('a worker that died', () => {
  it('comes again later and later while workers die young, and in the end not at all', () => {
    const restarts = new Restarts(() => 0);
    const delays = Array.from({ length: MAX_SHORT_LIVES }, () => restarts.delayAfter(10));
    expect(delays).toEqual([100, 200, 400, 800, undefined]);
  });

  it.each([
    ['one that lived long', SHORT_LIFE_MS, 0],
    ['a time without deaths', 10, ROW_GAP_MS + 1],
  ])('begins a new row after %s', (_, livedMs, passedMs) => {
    let now = 0;
    const restarts = new Restarts(() => now);
    for (let death = 1; death < MAX_SHORT_LIVES; death += 1) restarts.delayAfter(10);
    now += passedMs;
    expect(restarts.delayAfter(livedMs)).toBe(FIRST_DELAY_MS);
    expect(restarts.delayAfter(10)).toBe(livedMs === SHORT_LIFE_MS ? FIRST_DELAY_MS : 2 * FIRST_DELAY_MS);
  });
});
