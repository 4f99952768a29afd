import { createHmac, generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { CompactSign } from 'jose';
import { verifyJws } from '../../protocol/jws';
import { importSecret, type FittedKey } from '../../protocol/keys';

const SECRET = 'an assertion secret of thirty-two bytes or more';
const base64url = (text: string): string => Buffer.from(text).toString('base64url');

function signed(header: string, payload = '{"a":1}', hash = 'sha256'): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  return `${input}.${createHmac(hash, SECRET).update(input).digest('base64url')}`;
}

let key: FittedKey;
beforeAll(async () => {
  key = await importSecret(SECRET, 'HS256');
});

describe('a JWS with a public key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signedWith = (alg: string, payload: string) =>
    new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg }).sign(privateKey);
  const narrowed: FittedKey = { key: publicKey, algorithms: ['PS256'], kid: undefined };

  it('counts with the algorithms that fit the key, and with no other of its kind', async () => {
    const verified = { header: { alg: 'PS256' }, payload: { a: 1 } };
    expect(await verifyJws(await signedWith('PS256', '{"a":1}'), narrowed)).toEqual(verified);
    expect(await verifyJws(await signedWith('RS256', '{"a":1}'), narrowed)).toBe('algorithm');
  });

  it('is refused with a payload that is no object, and with the signature of another payload', async () => {
    const [one, other] = [await signedWith('PS256', '[]'), await signedWith('PS256', '{}')];
    for (const text of ['[]', '5', '"{}"', 'null', 'no JSON'])
      expect(await verifyJws(await signedWith('PS256', text), narrowed)).toBe('malformed');
    const mixed = other.slice(0, other.lastIndexOf('.')) + one.slice(one.lastIndexOf('.'));
    expect(await verifyJws(mixed, narrowed)).toBe('signature');
  });
});

describe('a JWS with HS256 and a shared secret', () => {
  const good = signed('{"alg":"HS256","kid":"k"}');

  it('says what it says', async () => {
    expect(await verifyJws(good, key)).toEqual({ header: { alg: 'HS256', kid: 'k' }, payload: { a: 1 } });
  });

  it.each([
    [
      'a critical extension, however well it is signed',
      signed('{"alg":"HS256","crit":["x"],"x":1}'),
      'malformed',
    ],
    ['a header that is no object', signed('["HS256"]'), 'malformed'],
    ['a payload that is no object', signed('{"alg":"HS256"}', 'null'), 'malformed'],
    ['a part more', `${good}.`, 'malformed'],
    ['nothing in it', '', 'malformed'],
    ['another hash', signed('{"alg":"HS512"}', '{}', 'sha512'), 'algorithm'],
    ['no algorithm', signed('{"alg":"none"}'), 'algorithm'],
    ['no signature', good.slice(0, good.lastIndexOf('.') + 1), 'signature'],
    ['its signature in another spelling', `${good}=`, 'malformed'],
    ['a character more that base64url does not have', `${good}\n`, 'malformed'],
  ])('is refused with %s', async (_, jws, fault) => {
    expect(await verifyJws(jws, key)).toBe(fault);
  });
});
