import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { importSecret, KeyError, parsePrivateKey, parsePublicKey, readPublicJwk } from '../../protocol/keys';

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

  it('has no kid by a JWK whose kid is no text', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    expect(readPublicJwk({ ...publicKey.export({ format: 'jwk' }), kid: 5 }).kid).toBeUndefined();
  });

  it('that begins like a JWK and is no JSON is refused for that', () => {
    expect(() => parsePublicKey('{"kty":')).toThrow('this begins like a JWK but is not JSON');
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
    expect(() => parsePublicKey(pem(weak.publicKey, 'spki'))).toThrow(
      new KeyError('expected an RSA key of 2048 to 16384 bits, got 1024'),
    );
    expect(() => parsePrivateKey(pem(other.privateKey, 'pkcs8'))).toThrow(
      new KeyError(
        'expected an RSA key of at least 2048 bits, an EC key on P-256, P-384 or P-521, or Ed25519, got ec on secp256k1',
      ),
    );
    const foreign = generateKeyPairSync('x25519');
    expect(() => parsePublicKey(pem(foreign.publicKey, 'spki'))).toThrow(/or Ed25519, got x25519$/);
  });

  it('that signs comes from PEM or from JWK, and from a JWK for that alone', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const read = (more: object) =>
      parsePrivateKey(`\n ${JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...more })}`);
    expect(parsePrivateKey(`\n${pem(privateKey, 'pkcs8')}`)).toMatchObject({
      algorithms: ['ES256'],
      kid: undefined,
    });
    expect(read({ key_ops: ['sign'], kid: 'k1' })).toMatchObject({ algorithms: ['ES256'], kid: 'k1' });
    const verifies = 'expected a JWK whose "key_ops" has "sign", got "verify"';
    expect(() => read({ key_ops: ['verify'] })).toThrow(verifies);
    const error = {
      name: 'KeyError',
      code: 'ERR_KEY_INVALID',
      message: 'expected a private key in PEM or JWK',
    };
    expect(() => parsePrivateKey('garbage')).toThrow(expect.objectContaining(error));
  });

  it('of a JWK Set is read as one by itself', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1' };
    expect(readPublicJwk(jwk)).toMatchObject({ algorithms: ['ES256'], kid: 'k1' });
    expect(() => readPublicJwk({ ...jwk, kty: 'none' })).toThrow('expected a public key in PEM or JWK');
    expect(() => readPublicJwk(privateKey.export({ format: 'jwk' }))).toThrow(
      'expected a public key, got a private one',
    );
  });

  it('that is shared is given as text or as bytes, and never handed out again by WebCrypto', async () => {
    const text = 'é'.repeat(16);
    const [fromText, fromBytes] = [
      await importSecret(text, 'HS256'),
      await importSecret(Buffer.from(text), 'HS256', 'k1'),
    ];
    expect(fromText.secret?.export()).toEqual(Buffer.from(text));
    expect(fromBytes.secret?.export()).toEqual(Buffer.from(text));
    expect([fromText.kid, fromBytes.kid]).toEqual([undefined, 'k1']);
    expect((fromText.key as { readonly extractable: boolean }).extractable).toBe(false);
  });

  it('of RSA is no larger than OpenSSL verifies with', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const ofBytes = (bytes: number) => {
      const n = Buffer.alloc(bytes, 0xff).toString('base64url');
      return () => parsePublicKey(JSON.stringify({ ...publicKey.export({ format: 'jwk' }), n }));
    };
    expect(ofBytes(2048)().algorithms).toContain('RS256');
    expect(ofBytes(2049)).toThrow(new KeyError('expected an RSA key of 2048 to 16384 bits, got 16392'));
  });

  it('is read whatever OpenSSL made of another key before', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const n = Buffer.alloc(2049, 0xff).toString('base64url');
    const tooLarge = JSON.stringify({ ...publicKey.export({ format: 'jwk' }), n });
    const { privateKey } = generateKeyPairSync('ed25519');
    const own = pem(privateKey, 'pkcs8');
    expect(() => parsePublicKey(tooLarge)).toThrow(KeyError);
    expect(parsePrivateKey(own).algorithms).toContain('EdDSA');
  });

  it('that fits nothing is refused for that, whatever its JWK says', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const jwk = JSON.stringify({ ...publicKey.export({ format: 'jwk' }), alg: 'RS256' });
    expect(() => parsePublicKey(jwk)).toThrow('expected an RSA key of 2048 to 16384 bits, got 1024');
  });

  it('of Ed25519 has the algorithm by both of its names (RFC 8037, RFC 9864)', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const algorithms = ['EdDSA', 'Ed25519'];
    expect(parsePublicKey(pem(publicKey, 'spki')).algorithms).toEqual(algorithms);
    expect(parsePrivateKey(pem(privateKey, 'pkcs8')).algorithms).toEqual(algorithms);
  });

  it('of RSA has an odd exponent from 3: with e = 1 everybody can sign', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = publicKey.export({ format: 'jwk' });
    const withExponent = (e: string) => () => parsePublicKey(JSON.stringify({ ...jwk, e }));
    const long = Buffer.alloc(9, 0xff).toString('base64url');
    for (const [e, got] of Object.entries({ AQ: '1', Ag: '2', BA: '4', [long]: 'one of 72' })) {
      expect(withExponent(e)).toThrow(
        new KeyError(`expected an odd RSA exponent from 3, of at most 64 bits, got ${got}`),
      );
    }
    expect(withExponent('AA')).toThrow(KeyError);
    expect(withExponent('Aw')().algorithms).toContain('RS256');
    const pemOfOne = createPublicKey({ key: { ...jwk, e: 'AQ' }, format: 'jwk' });
    expect(() => parsePublicKey(pem(pemOfOne, 'spki'))).toThrow(
      'expected an odd RSA exponent from 3, of at most 64 bits, got 1',
    );
  });

  it.each([
    ['0', '0'.repeat(64)],
    ['1', `01${'0'.repeat(62)}`],
    ['1, with the sign of its other coordinate', `01${'0'.repeat(60)}80`],
    ['p - 1', `ec${'f'.repeat(60)}7f`],
    ['p, which is 0 in another spelling', `ed${'f'.repeat(60)}7f`],
    ['p + 1, which is 1 in another spelling', `ee${'f'.repeat(60)}7f`],
    ['a point of order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
    ['another point of order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
  ])('of Ed25519 is not of low order: with y = %s, signatures of nobody verify', (_, hex) => {
    const x = Buffer.from(hex, 'hex').toString('base64url');
    const read = () => parsePublicKey(JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x }));
    expect(read).toThrow('expected an Ed25519 key of full order');
  });

  it('in a JWK serves what its use, key_ops and alg say, and nothing else', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const read = (more: object) =>
      parsePublicKey(JSON.stringify({ ...publicKey.export({ format: 'jwk' }), ...more }));
    expect(read({ use: 'sig', key_ops: ['verify'], alg: 'PS256' }).algorithms).toEqual(['PS256']);
    expect(read({ use: null, key_ops: null, alg: null }).algorithms).toEqual(read({}).algorithms);
    const algorithms = 'RS256, RS384, RS512, PS256, PS384, PS512';
    for (const [other, message] of [
      [{ use: 'enc' }, 'expected a JWK whose "use" is "sig", got "enc"'],
      [{ use: 'e\u001b' }, 'expected a JWK whose "use" is "sig", got "e\\u001b"'],
      [{ key_ops: ['encrypt', 1] }, 'expected a JWK whose "key_ops" has "verify", got "encrypt", 1'],
      [
        { key_ops: Array(9).fill('wrapKey') },
        `expected a JWK whose "key_ops" has "verify", got ${Array(8).fill('"wrapKey"').join(', ')}`,
      ],
      [{ key_ops: [] }, 'expected a JWK whose "key_ops" has "verify", got none'],
      [{ key_ops: 'verify' }, 'expected a JWK whose "key_ops" has "verify", got "verify"'],
      [{ alg: 'ES256' }, `expected a JWK whose "alg" is one of ${algorithms}, got "ES256"`],
    ] as const) {
      expect(() => read(other)).toThrow(new KeyError(message));
    }
  });

  it.each(['', 'garbage', '{"kty":', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'])(
    'is refused when it is %j, without quoting it',
    (text) => {
      expect(() => parsePublicKey(text)).toThrow(KeyError);
      expect(() => parsePublicKey(text)).not.toThrow('AAAA');
    },
  );

  it.each([
    ['HS256', 32, 'at least 32 bytes, got 31'],
    ['HS384', 48, 'at least 48 bytes for HS384, got 47'],
    ['HS512', 64, 'at least 64 bytes for HS512, got 63'],
  ] as const)(
    'as a secret for %s has at least %d bytes (RFC 7518 §3.2)',
    async (algorithm, least, message) => {
      await expect(importSecret('x'.repeat(least - 1), algorithm)).rejects.toThrow(message);
      await expect(importSecret('x'.repeat(least), algorithm)).resolves.toMatchObject({
        algorithms: [algorithm],
      });
    },
  );
});
