import { describe, expect, it } from '@jest/globals';
import { readSecret, textSecret } from '../../../plugin/config/secrets';

const SECRET = 'a secret of the token issuer, 32 bytes+';
const jwk = (changes: Record<string, unknown> = {}) =>
  JSON.stringify({ kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), ...changes });

describe('a shared secret', () => {
  it('is its text, for any algorithm of its kind', () => {
    expect(readSecret(SECRET)).toEqual({
      bytes: Buffer.from(SECRET),
      algorithms: ['HS256', 'HS384', 'HS512'],
      kid: undefined,
    });
    expect(readSecret(SECRET, 'a').kid).toBe('a');
  });

  it('may be an oct JWK, which says what it is for', () => {
    expect(readSecret(jwk())).toEqual(readSecret(SECRET));
    expect(readSecret(` ${jwk({ kid: 'a', alg: 'HS384', use: 'sig', key_ops: ['verify'] })}`)).toEqual({
      bytes: Buffer.from(SECRET),
      algorithms: ['HS384'],
      kid: 'a',
    });
    expect(readSecret(jwk({ kid: 'a' }), 'b').kid).toBe('b');
  });

  it.each([
    ['another kind of JWK', jwk({ kty: 'RSA' }), 'expected a JWK whose "kty" is "oct", got "RSA"'],
    ['a JWK without a secret', jwk({ k: undefined }), 'expected a JWK whose "k" is the secret in base64url'],
    ['a JWK whose secret is in base64', jwk({ k: 'aaaa+/==' }), 'expected a JWK whose "k"'],
    ['a JWK whose secret has stray bits', jwk({ k: 'AAB' }), 'expected a JWK whose "k"'],
    ['a JWK for encryption', jwk({ use: 'enc' }), 'expected a JWK whose "use" is "sig", got "enc"'],
    ['a JWK that signs alone', jwk({ key_ops: ['sign'] }), 'expected a JWK whose "key_ops" has "verify"'],
    ['a JWK of another algorithm', jwk({ alg: 'RS256' }), 'expected a JWK whose "alg" is one of HS256'],
    ['a damaged JWK', jwk().slice(0, -2), 'this begins like a JWK but is not JSON'],
    ['a set in its place', '{"keys":[]}', 'expected a JWK whose "kty" is "oct"'],
    ['a public key', `-----BEGIN PUBLIC KEY-----\n${SECRET}`, 'expected a shared secret, got a key in PEM'],
  ])('is refused as %s, and the message shows nothing of it', (_, text, reason) => {
    let message = '';
    try {
      readSecret(text);
    } catch (cause) {
      ({ message } = cause as Error);
    }
    expect(message).toContain(reason);
    expect(message).not.toContain('issuer');
    expect(message).not.toContain(Buffer.from(SECRET).toString('base64url').slice(0, 8));
  });

  it('that stands alone is its bytes, whatever it looks like', () => {
    expect(textSecret(jwk()).bytes.toString()).toBe(jwk());
  });
});
