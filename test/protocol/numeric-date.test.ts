import { describe, expect, it } from '@jest/globals';
import { isNumericDate, MAX_NUMERIC_DATE } from '../../protocol/numeric-date';

describe('a NumericDate', () => {
  it.each([0, -1, 1.5, MAX_NUMERIC_DATE, -MAX_NUMERIC_DATE])('may be %p', (claim) => {
    expect(isNumericDate(claim)).toBe(true);
  });

  it.each(['1', null, undefined, true, [1], NaN, Infinity, MAX_NUMERIC_DATE * 2])('is never %p', (claim) => {
    expect(isNumericDate(claim)).toBe(false);
  });
});
