import { describe, expect, it } from '@jest/globals';
import { bearerValues, stripCookies, stripQuery } from '../../../plugin/token/extractors';

describe('a Bearer header', () => {
  it.each([
    ['is told by its scheme, whatever its case', 'bEARER  abc', ['abc']],
    ['with nothing behind its scheme has an empty token', 'Bearer', ['']],
    ['is none of another scheme that ends in the same word', 'Xbearer abc', []],
    ['is none where another scheme has it inside', 'Digest bearer abc', []],
  ])('%s', (_, value, tokens) => {
    expect(bearerValues({ headers: { authorization: [value] } }, ['authorization'])).toEqual(tokens);
  });
});

describe('a token in a cookie', () => {
  it.each([
    ['is taken out of its quotes', '"abc"', 'abc'],
    ['is no empty text where it is one quote', '"', '"'],
    ['keeps a quote on one side', '"abc', '"abc'],
  ])('%s', (_, value, token) => {
    const { tokens } = stripCookies({ headers: { cookie: [`a=1; token=${value}`] } }, ['token']);
    expect(tokens).toEqual([token]);
  });
});

describe('a query', () => {
  it.each([
    ['without a token is left alone', 'a=1&b', [], undefined],
    ['without a name that is asked for is left alone', '', [], undefined],
    ['keeps the bytes of its other parameters', 'a=%31&token=abc&b=x+y', ['abc'], 'a=%31&b=x+y'],
    ['has an empty token where the parameter has no value', 'token&a=1', [''], 'a=1'],
    ['is percent-decoded, in names as well, and its plus is a space', 't%6Fken=a+b%2Bc', ['a b+c'], ''],
    ['that is not well encoded is read as it is', 'token=%zz&%zz=1', ['%zz'], '%zz=1'],
  ])('%s', (_, query, tokens, rawQuery) => {
    expect(stripQuery(query, ['token'])).toEqual({ tokens, rawQuery });
  });

  it('has tokens under any of several names, and keeps none of them', () => {
    const stripped = stripQuery('a=1&jwt=x&token=y', ['token', 'jwt']);
    expect(stripped).toEqual({ tokens: ['x', 'y'], rawQuery: 'a=1' });
  });
});
