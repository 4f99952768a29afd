import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { importSecret, KeyError, parsePrivateKey, parsePublicKey } from '../../protocol/keys';

const pem = (
  key: { export(options: { type: 'spki' | 'pkcs8'; format: 'pem' }): string | Buffer },
  type: 'spki' | 'pkcs8',
) => key.export({ type, format: 'pem' }).toString();

describe('a key', () => {
  it('fits only the algorithms of its kind, so that an RSA public key is never an HMAC secret', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { algorithms } = parsePublicKey(pem(publicKey, 'spki'));
    expect(algorithms).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
  });

  it.each([
    ['P-256', 'ES256'],
    ['P-384', 'ES384'],
    ['P-521', 'ES512'],
  ])('on %s fits %s alone', (namedCurve, algorithm) => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve });
    expect(parsePublicKey(pem(publicKey, 'spki')).algorithms).toEqual([algorithm]);
  });

  it('takes its kid from the JWK unless one is given', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const jwk = JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: 'from-jwk' });
    expect(parsePublicKey(jwk).kid).toBe('from-jwk');
    expect(parsePublicKey(jwk, 'given').kid).toBe('given');
  });

  it('is refused when a private key stands where a public one belongs', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() => parsePublicKey(pem(privateKey, 'pkcs8'))).toThrow(
      'expected a public key, got a private one',
    );
    expect(() => parsePublicKey(JSON.stringify(privateKey.export({ format: 'jwk' })))).toThrow(KeyError);
  });

  it('is refused when it is too weak or of an unsupported kind', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const other = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    expect(() => parsePublicKey(pem(weak.publicKey, 'spki'))).toThrow('2048');
    expect(() => parsePrivateKey(pem(other.privateKey, 'pkcs8'))).toThrow(KeyError);
  });

  it.each(['', 'garbage', '{"kty":', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'])(
    'is refused when it is %j, without quoting it',
    (text) => {
      expect(() => parsePublicKey(text)).toThrow(KeyError);
      expect(() => parsePublicKey(text)).not.toThrow('AAAA');
    },
  );

  it('as a secret has at least 32 bytes (RFC 7518 §3.2)', async () => {
    await expect(importSecret('x'.repeat(31), 'HS256')).rejects.toThrow('at least 32 bytes, got 31');
    await expect(importSecret('x'.repeat(32), 'HS256')).resolves.toMatchObject({ algorithms: ['HS256'] });
  });
});
