import { expect, it } from '@jest/globals';
import { readMaxRefusedAddresses } from '../../../plugin/decision/max-refused-addresses';

it.each([
  ['', 100_000],
  ['1', 1],
  ['10000000', 10_000_000],
  ['0', undefined],
  ['10000001', undefined],
  ['100000000', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  [' 1', undefined],
  ['many', undefined],
])('GATEKEEPER_MAX_REFUSED_ADDRESSES of "%s" is %s', (text, number) => {
  expect(readMaxRefusedAddresses(text)).toBe(number);
});
