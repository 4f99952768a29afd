import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { VerificationKey } from '../../../plugin/keys/key-source';
import { likeliestFirst } from '../../../plugin/token/hmac';
import { signHs256 } from '../../../protocol/jws';

const secretOf = (letter: string) => createSecretKey(Buffer.from(letter.repeat(32)));
const keyOf = (letter: string): VerificationKey => ({ key: secretOf(letter), secret: secretOf(letter) });
const [A, B, C] = [keyOf('a'), keyOf('b'), keyOf('c')];
/** A public key has no secret. */
const PUBLIC: VerificationKey = { key: secretOf('p') };

function sorted(letter: string, keys: readonly VerificationKey[]): readonly VerificationKey[] {
  return likeliestFirst(signHs256({ alg: 'HS256' }, {}, secretOf(letter)), 'HS256', keys);
}

describe('of several keys', () => {
  it('the one whose HMAC the token carries is tried first, and the others keep their order', () => {
    expect(sorted('c', [A, PUBLIC, B, C])).toEqual([C, A, PUBLIC, B]);
    expect(sorted('b', [A, B])).toEqual([B, A]);
  });

  it.each([
    ['it is the first anyway', 'a', [A, B, C]],
    ['none of them made it', 'd', [A, B, PUBLIC]],
  ])('the order stays as it is where %s', (_, letter, keys) => {
    expect(sorted(letter, keys)).toBe(keys);
  });
});
