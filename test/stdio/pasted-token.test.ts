import { describe, expect, it } from '@jest/globals';
import { pastedToken } from '../../stdio/pasted-token';

describe('a token that somebody pastes', () => {
  it.each([
    'a.b.c',
    ' a.b.c\r\n',
    'Bearer a.b.c',
    'bearer   a.b.c\n',
    '"a.b.c"',
    "'Bearer a.b.c'",
    'Bearer "a.b.c"',
    'Authorization: Bearer a.b.c',
    '"Authorization: bearer a.b.c"',
  ])('is the same token: %j', (text) => {
    expect(pastedToken(text)).toBe('a.b.c');
  });

  it.each([
    ['', ''],
    ['Bearer ', ''],
    ['bearer.a.b.c', 'bearer.a.b.c'],
    ['a b.c', 'a b.c'],
    ['"a.b.c', '"a.b.c'],
  ])('is left as it is where nothing can be meant by it: %j', (text, token) => {
    expect(pastedToken(text)).toBe(token);
  });
});
