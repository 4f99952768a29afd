import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { kindOf, quoted } from '../../protocol/quoted';

describe('a value in an error message', () => {
  it.each([
    ['a text', 'abc', '"abc"'],
    ['an empty text', '', '""'],
    ['quotes and a backslash', 'a"\\b', String.raw`"a\"\\b"`],
    ['line ends', 'a\r\nb\u2028c', String.raw`"a\r\nb\u2028c"`],
    ['what a terminal obeys', '\u001b[31m\u009b\u007f', String.raw`"\u001b[31m\u009b\u007f"`],
    ['what turns the order of writing', 'a\u202eb', String.raw`"a\u202eb"`],
    ['a character of two code units that is not printable', '\u{e0001}', String.raw`"\udb40\udc01"`],
    ['letters of others', 'Zürich 東京', '"Zürich 東京"'],
    ['64 characters', 'x'.repeat(64), `"${'x'.repeat(64)}"`],
    ['a longer text', 'x'.repeat(65), `"${'x'.repeat(64)}"… (65 characters)`],
    ['a number', 1.5, '1.5'],
    ['a number that is too long', 10n ** 100n, `1${'0'.repeat(63)}`],
    ['a truth value', false, 'false'],
    ['null', null, 'nothing'],
    ['what is not there', undefined, 'nothing'],
    ['a list, of which a secret may be a part', ['secret'], 'a list'],
    ['an object, of which a secret may be a part', { a: 'secret' }, 'an object'],
    ['a function', () => 'secret', 'a function'],
  ])('is %s', (_, value, text) => {
    expect(quoted(value)).toBe(text);
  });

  it('is printable, on one line and of bounded length, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.anything()), (value) => {
        const text = quoted(value);
        expect(text).toMatch(/^[^\p{C}\p{Zl}\p{Zp}]*$/u);
        expect(text.length).toBeLessThanOrEqual(64 * 6 + 40);
      }),
    );
  });

  it('is its kind alone where it may be a secret', () => {
    expect(['secret', 7, true, null, [], {}].map(kindOf)).toEqual([
      ...['text', 'a number', 'a boolean', 'nothing', 'a list', 'an object'],
    ]);
  });
});
