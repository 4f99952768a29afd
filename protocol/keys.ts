import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import type { CryptoKey } from 'jose';
import { fitKey, narrowByJwk } from './fit-key';

/** JWS algorithms with a shared secret (RFC 7518 §3.2). */
export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
/** A JWS algorithm with a shared secret. */
export type HmacAlgorithm = (typeof HMAC_ALGORITHMS)[number];

/** RFC 7518 §3.2: "A key of the same size as the hash output (…) or larger MUST be used". */
const SECRET_BYTES: Readonly<Record<HmacAlgorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 };
/** The least bytes of a shared secret, which is for HS256. */
export const MIN_SECRET_BYTES = SECRET_BYTES.HS256;

/** A key together with the only algorithms that it may be used with. */
export interface FittedKey {
  readonly key: CryptoKey | KeyObject;
  readonly algorithms: readonly string[];
  readonly kid: string | undefined;
  /** The same secret, for HMACs that are made in place. Only of a shared one. */
  readonly secret?: KeyObject;
}

/** Key material that cannot be used. The message says what was expected and of what kind it is, and shows nothing of a key. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
  readonly code = 'ERR_KEY_INVALID';
}

/**
 * Makes a secret ready for one HMAC algorithm.
 * @throws KeyError when it is shorter than the algorithm's hash (RFC 7518 §3.2).
 */
export async function importSecret(
  secret: string | Buffer,
  algorithm: HmacAlgorithm,
  kid?: string,
): Promise<FittedKey> {
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : secret;
  const least = SECRET_BYTES[algorithm];
  if (bytes.length < least) {
    const whose = algorithm === 'HS256' ? '' : ` for ${algorithm}`;
    throw new KeyError(`expected a secret of at least ${least} bytes${whose}, got ${bytes.length}`);
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
  return parse(text, kid, 'public', readPublic);
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

/**
 * Reads one key of a JWK Set (RFC 7517 §5) as {@link parsePublicKey} does.
 * @throws KeyError when it cannot be used for signatures
 */
export function readPublicJwk(jwk: JsonWebKey): FittedKey {
  return fitted(jwk, undefined, 'public', readPublic);
}

function parse(
  text: string,
  kid: string | undefined,
  kind: 'public' | 'private',
  read: (input: string | JsonWebKey) => KeyObject,
): FittedKey {
  return fitted(text.trimStart().startsWith('{') ? parseJwk(text) : text, kid, kind, read);
}

function fitted(
  input: string | JsonWebKey,
  kid: string | undefined,
  kind: 'public' | 'private',
  read: (input: string | JsonWebKey) => KeyObject,
): FittedKey {
  const key = readKey();
  const operation = kind === 'public' ? 'verify' : 'sign';
  const fit = typeof input === 'string' ? fitKey(key) : narrowByJwk(fitKey(key), input, operation);
  if ('fault' in fit) throw new KeyError(fit.fault);
  const jwkKid = typeof input !== 'string' && typeof input['kid'] === 'string' ? input['kid'] : undefined;
  return { key, algorithms: fit.algorithms, kid: kid ?? jwkKid };

  function readKey(): KeyObject {
    try {
      return readOnItsOwn(() => read(input));
    } catch (cause) {
      if (cause instanceof KeyError) throw cause;
      throw new KeyError(`expected a ${kind} key in PEM or JWK`);
    }
  }
}

/** Node 24 takes an error that OpenSSL left behind over another key for one of this key. The failure clears it. */
function readOnItsOwn(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch {
    return read();
  }
}

function readPublic(input: string | JsonWebKey): KeyObject {
  // Node derives the public key from a private one; here that would hide a leaked secret.
  if (typeof input === 'string' ? input.includes('PRIVATE KEY') : 'd' in input) {
    throw new KeyError('expected a public key, got a private one');
  }
  return typeof input === 'string' ? createPublicKey(input) : createPublicKey({ key: input, format: 'jwk' });
}

function parseJwk(text: string): JsonWebKey {
  try {
    return JSON.parse(text) as JsonWebKey;
  } catch {
    throw new KeyError('expected PEM or JWK; this begins like a JWK but is not JSON');
  }
}
