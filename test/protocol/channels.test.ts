import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { escapeSegment } from '../../protocol/channels';

describe('a value in a channel name', () => {
  it.each([
    ['acme', 'acme'],
    ['a:b', 'a%3Ab'],
    ['a%3Ab', 'a%253Ab'],
    ["x!'()*~-._", 'x%21%27%28%29%2A~-._'],
    ['ü', '%C3%BC'],
    ['{a}', '%7Ba%7D'],
  ])('%s is written %s', (value, written) => {
    expect(escapeSegment(value)).toBe(written);
  });

  it('contains unreserved characters and %XX only, and is distinct from any other', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(escapeSegment(a)).toMatch(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*$/);
        expect(escapeSegment(a) === escapeSegment(b)).toBe(a === b);
      }),
    );
  });
});
