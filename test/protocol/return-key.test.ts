import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_RETURN_PATH_LENGTH, returnKey } from '../../protocol/return-key';

describe('the key of returns', () => {
  it('is in the slot of the tenant, after the prefix', () => {
    expect(returnKey('staging:', 'acme', 'u1', '/ws/ai/chat')).toBe(
      'staging:ws:return:{acme}:u1:%2Fws%2Fai%2Fchat',
    );
  });

  it('is another one for every other tenant, user and path', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.tuple(name, name, name), fc.tuple(name, name, name), (one, other) => {
        const same = one.every((value, i) => value === other[i]);
        expect(returnKey('', ...one) === returnKey('', ...other)).toBe(same);
      }),
    );
  });

  it('is none for a path that is too long', () => {
    expect(returnKey('', 'acme', 'u1', `/${'a'.repeat(MAX_RETURN_PATH_LENGTH - 1)}`)).toBeDefined();
    expect(returnKey('', 'acme', 'u1', `/${'a'.repeat(MAX_RETURN_PATH_LENGTH)}`)).toBeUndefined();
  });
});
