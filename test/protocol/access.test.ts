import { describe, expect, it } from '@jest/globals';
import { lesserAccess, readAccess } from '../../protocol/access';

describe('an access', () => {
  it.each([
    ['read', 'read'],
    ['write', 'write'],
    ['READ', undefined],
    ['', undefined],
    [undefined, undefined],
    [['read'], undefined],
  ])('that is given as %j is %p', (value, access) => {
    expect(readAccess(value)).toBe(access);
  });

  it.each([
    ['read', 'read', 'read'],
    ['read', 'write', 'read'],
    ['write', 'read', 'read'],
    ['write', 'write', 'write'],
  ] as const)('of %s and one of %s come to %s', (a, b, lesser) => {
    expect(lesserAccess(a, b)).toBe(lesser);
  });
});
