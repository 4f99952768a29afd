import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { CryptoKey } from 'jose';

/** JWS algorithms with a shared secret (RFC 7518 §3.2). */
export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
/** A JWS algorithm with a shared secret. */
export type HmacAlgorithm = (typeof HMAC_ALGORITHMS)[number];

/** RFC 7518 §3.2: "A key of the same size as the hash output (…) or larger MUST be used". */
export const MIN_SECRET_BYTES = 32;

/** A key together with the only algorithms that it may be used with. */
export interface FittedKey {
  readonly key: CryptoKey | KeyObject;
  readonly algorithms: readonly string[];
  readonly kid: string | undefined;
  /** The same secret, for HMACs that are made in place. Only of a shared one. */
  readonly secret?: KeyObject;
}

/** Key material that cannot be used. The message says what was expected, never what was given. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
  readonly code = 'ERR_KEY_INVALID';
}

/**
 * Makes a secret ready for one HMAC algorithm.
 * @throws KeyError when it is shorter than {@link MIN_SECRET_BYTES}.
 */
export async function importSecret(
  secret: string,
  algorithm: HmacAlgorithm,
  kid?: string,
): Promise<FittedKey> {
  const bytes = Buffer.from(secret, 'utf8');
  if (bytes.length < MIN_SECRET_BYTES) {
    throw new KeyError(`expected a secret of at least ${MIN_SECRET_BYTES} bytes, got ${bytes.length}`);
  }
  const hash = `SHA-${algorithm.slice(2)}`;
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash }, false, ['sign', 'verify']);
  return { key, algorithms: [algorithm], kid, secret: createSecretKey(bytes) };
}

/**
 * Reads a public key from PEM (SPKI, or a certificate) or from JWK (RFC 7517).
 * @throws KeyError when it is neither, or is of a kind that no supported algorithm fits.
 */
export function parsePublicKey(text: string, kid?: string): FittedKey {
  return parse(text, kid, 'public', (input) => {
    // Node derives the public key from a private one; here that would hide a leaked secret.
    if (typeof input === 'string' ? input.includes('PRIVATE KEY') : 'd' in input) {
      throw new KeyError('expected a public key, got a private one');
    }
    return typeof input === 'string'
      ? createPublicKey(input)
      : createPublicKey({ key: input, format: 'jwk' });
  });
}

/**
 * Reads a private key from PEM (PKCS #8, SEC 1) or from JWK (RFC 7517).
 * @throws KeyError when it is neither, or is of a kind that no supported algorithm fits.
 */
export function parsePrivateKey(text: string, kid?: string): FittedKey {
  return parse(text, kid, 'private', (input) =>
    typeof input === 'string' ? createPrivateKey(input) : createPrivateKey({ key: input, format: 'jwk' }),
  );
}

type Jwk = Record<string, unknown>;

function parse(
  text: string,
  kid: string | undefined,
  kind: 'public' | 'private',
  read: (input: string | Jwk) => KeyObject,
): FittedKey {
  const input = text.trimStart().startsWith('{') ? parseJwk(text) : text;
  const jwkKid = typeof input !== 'string' && typeof input['kid'] === 'string' ? input['kid'] : undefined;
  const key = readKey();
  const algorithms = algorithmsFor(key);
  if (algorithms.length === 0) {
    throw new KeyError(
      'expected an RSA key of at least 2048 bits, an EC key on P-256, P-384 or P-521, or Ed25519',
    );
  }
  return { key, algorithms, kid: kid ?? jwkKid };

  function readKey(): KeyObject {
    try {
      return read(input);
    } catch (cause) {
      if (cause instanceof KeyError) throw cause;
      throw new KeyError(`expected a ${kind} key in PEM or JWK`);
    }
  }
}

function parseJwk(text: string): Jwk {
  try {
    return JSON.parse(text) as Jwk;
  } catch {
    throw new KeyError('expected PEM or JWK; this begins like a JWK but is not JSON');
  }
}

const EC_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** The algorithms that fit a key's kind (RFC 7518 §3.1, RFC 8037 §3.1); none when the kind is unsupported. */
function algorithmsFor(key: KeyObject): readonly string[] {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'rsa':
      // RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used".
      return (details?.modulusLength ?? 0) >= 2048
        ? ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
        : [];
    case 'ec': {
      const algorithm = EC_ALGORITHMS[details?.namedCurve ?? ''];
      return algorithm === undefined ? [] : [algorithm];
    }
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return [];
  }
}
