import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formDecoded, queryValues, spells } from '../../protocol/query';

describe('text of a query', () => {
  it.each([
    ['a+b%2Bc', 'a b+c'],
    ['%C3%A9', 'é'],
    ['plain', 'plain'],
    ['a+b', 'a b'],
    ['%', '%'],
    ['a+%C3', 'a+%C3'],
  ])('that is %s is decoded to %s, or stays where it is not well encoded', (text, decoded) => {
    expect(formDecoded(text)).toBe(decoded);
  });

  it.each([
    ['%C3%A9', 'é', true],
    ['a+b%20c', 'a b c', true],
    ['%61', 'a', true],
    ['x61', 'a', false],
    ['a', 'a b', false],
    ['a+b', 'a', false],
  ])('that is "%s" as the name "%s": %p', (text, name, isIt) => {
    expect(spells(text, name)).toBe(isIt);
  });

  it('is a name where it is that when it is decoded', () => {
    const piece = fc.constantFrom('a', 'b', '%61', '%62', '+', '%20', '%2', '%', '%ff', 'é', '%C3%A9', ' ');
    const names = fc.constantFrom('a', 'ab', 'a b', 'é', 'aé');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 4 }), names, (pieces, name) => {
        expect(spells(pieces.join(''), name)).toBe(formDecoded(pieces.join('')) === name);
      }),
    );
  });
});

describe('the values of a parameter', () => {
  it.each([
    ['a=1&b=2&a=3&a=4', ['1', '3']],
    ['a', ['']],
    ['a==&%61=x', ['=', 'x']],
    ['A=1&aa=2&=a', []],
    ['', []],
    ['a=b+c%2B', ['b c+']],
  ])('in the query "%s" are %j, two at most', (query, values) => {
    expect(queryValues(query, 'a')).toEqual(values);
  });

  it('that has no name are none of an empty query', () => {
    expect(queryValues('', '')).toEqual([]);
    expect(queryValues('=x&b', '')).toEqual(['x']);
  });
});
