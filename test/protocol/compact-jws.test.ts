import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isCompactJws } from '../../protocol/compact-jws';

const part = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url'));
const jws = fc.tuple(part, part, part).map((parts) => parts.join('.'));

describe('a compact JWS', () => {
  it('is three parts of base64url', () => {
    fc.assert(fc.property(jws, (text) => isCompactJws(text)));
    expect(isCompactJws('..')).toBe(true);
    for (const text of ['', 'e30', 'e30.e30', 'e30.e30.e30.e30', '...'])
      expect(isCompactJws(text)).toBe(false);
  });

  it('has one spelling: what decodes to the same bytes but is written otherwise is none', () => {
    const spelled = fc
      .tuple(jws, fc.nat(), fc.string({ maxLength: 2, unit: 'binary' }))
      .map(([text, at, inserted]) => {
        const index = at % (text.length + 1);
        return text.slice(0, index) + inserted + text.slice(index);
      });
    fc.assert(
      fc.property(spelled, (text) => {
        const canonical = text
          .split('.')
          .map((segment) => Buffer.from(segment, 'base64url').toString('base64url'))
          .join('.');
        expect(isCompactJws(text)).toBe(canonical === text && text.split('.').length === 3);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['white space', 'e30.e30.QUJD '],
    ['a line break', 'e30.e30.QUJD\n'],
    ['padding', 'e30=.e30.QUJD'],
    ['padding of the signature', 'e30.e30.QUI='],
    ['the other alphabet', 'e30.e30.+/+/'],
    ['stray bits', 'e30.e30.QUJ'],
    ['a length that no bytes have', 'e30.e30.QUJDQ'],
    ['a character past ASCII', 'e30.é30.QUJD'],
  ])('with %s is none', (_, text) => {
    expect(isCompactJws(text)).toBe(false);
  });
});
