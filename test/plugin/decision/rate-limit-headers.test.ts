import { describe, expect, it } from '@jest/globals';
import { retryAfter, tellingState } from '../../../plugin/decision/rate-limit-headers';
import type { LimitState } from '../../../plugin/store/store';

const state = (change: Partial<LimitState>): LimitState => ({
  ...{ limit: 60, remaining: 10, resetUs: 0, retryAfterUs: 0 },
  ...change,
});

describe('a client is told of', () => {
  it('the limit that refuses longest, whatever is left of the others', () => {
    const longest = state({ retryAfterUs: 2, remaining: 5 });
    expect(tellingState([state({ retryAfterUs: 1, remaining: 0 }), longest, state({})])).toBe(longest);
  });

  it('the limit of which least is left, where none refuses', () => {
    const nearest = state({ remaining: 1 });
    expect(tellingState([state({ remaining: 2 }), nearest, state({ remaining: 3 })])).toBe(nearest);
  });

  it('none where there is none', () => {
    expect(tellingState([])).toBeUndefined();
  });

  it.each([
    [1, '1'],
    [1_000_000, '1'],
    [1_000_001, '2'],
  ])('%d microseconds to wait as %s seconds', (retryAfterUs, seconds) => {
    expect(retryAfter(state({ retryAfterUs }))).toBe(seconds);
  });
});
