import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { quoted } from './quoted';

/** RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used". */
const MIN_RSA_BITS = 2048;
/** OpenSSL verifies with no larger one (OPENSSL_RSA_MAX_MODULUS_BITS). */
const MAX_RSA_BITS = 16_384;
/**
 * The most bits of a public exponent: a larger one makes each verification that much slower (OPENSSL_RSA_MAX_PUBEXP_BITS).
 */
const MAX_RSA_EXPONENT_BITS = 64;

/** RFC 7517 §4.3 has no more. */
const MAX_SHOWN_OPERATIONS = 8;

const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const EC_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** Which algorithms a key may be used with, or why with none. */
export type Fit = { readonly algorithms: readonly string[] } | { readonly fault: string };

/**
 * The signature algorithms that a public or private key fits by its kind, size, exponent and order (RFC 7518 §3, RFC 8037
 * §3.1). A key that would verify signatures of nobody (RSA with e = 1, Ed25519 of low order) fits none.
 */
export function fitKey(key: KeyObject): Fit {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return fitRsa(key);
    case 'ec': {
      const algorithm = EC_ALGORITHMS[key.asymmetricKeyDetails?.namedCurve ?? ''];
      return algorithm === undefined ? unsupported(key) : { algorithms: [algorithm] };
    }
    case 'ed25519':
      return fitEd25519(key);
    default:
      return unsupported(key);
  }
}

function unsupported({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): Fit {
  const got = details?.namedCurve === undefined ? type : `${type} on ${details.namedCurve}`;
  return {
    fault: `expected an RSA key of at least ${MIN_RSA_BITS} bits, an EC key on P-256, P-384 or P-521, or Ed25519, got ${got}`,
  };
}

function fitRsa(key: KeyObject): Fit {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) {
    return { fault: `expected an RSA key of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, got ${modulusLength}` };
  }
  // RFC 8017 §3.1: an odd integer of at least 3.
  const isExponent = publicExponent >= 3n && publicExponent % 2n === 1n;
  const isLong = publicExponent >> BigInt(MAX_RSA_EXPONENT_BITS) > 0n;
  if (!isExponent || isLong) {
    const got = isLong ? `one of ${publicExponent.toString(2).length}` : String(publicExponent);
    return {
      fault: `expected an odd RSA exponent from 3, of at most ${MAX_RSA_EXPONENT_BITS} bits, got ${got}`,
    };
  }
  return { algorithms: RSA_ALGORITHMS };
}

/** 2^255 - 19. */
const ED25519_PRIME = 2n ** 255n - 19n;

/** The y coordinates of the eight points whose order divides 8 (RFC 7748 §7, RFC 8032 §5.1). */
const LOW_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  ED25519_PRIME - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

function fitEd25519(key: KeyObject): Fit {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const bytes = Buffer.from(x, 'base64url').reverse();
  // RFC 8032 §5.1.2: the highest bit is the sign of the other coordinate.
  const y = BigInt(`0x${bytes.toString('hex')}`) & ((1n << 255n) - 1n);
  if (y >= ED25519_PRIME || LOW_ORDER_Y.has(y)) {
    return { fault: 'expected an Ed25519 key of full order: with this one, signatures of nobody verify' };
  }
  return { algorithms: ['EdDSA', 'Ed25519'] };
}

/**
 * Narrows what a key fits by what its JWK says that it is for (RFC 7517 §4.2 `use`, §4.3 `key_ops`, §4.4 `alg`). A null says nothing: some
 * servers write one for what they leave out.
 * @param operation what it is to do here
 */
export function narrowByJwk(fit: Fit, jwk: JsonWebKey, operation: 'sign' | 'verify'): Fit {
  if ('fault' in fit) return fit;
  const said: Readonly<Record<string, unknown>> = jwk;
  const [use, operations, alg] = [
    said['use'] ?? undefined,
    said['key_ops'] ?? undefined,
    said['alg'] ?? undefined,
  ];
  if (use !== undefined && use !== 'sig')
    return { fault: `expected a JWK whose "use" is "sig", got ${quoted(use)}` };
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes(operation))) {
    const got = Array.isArray(operations)
      ? operations.map(quoted).slice(0, MAX_SHOWN_OPERATIONS).join(', ')
      : quoted(operations);
    return { fault: `expected a JWK whose "key_ops" has "${operation}", got ${got === '' ? 'none' : got}` };
  }
  if (alg === undefined) return fit;
  const algorithms = fit.algorithms.filter((algorithm) => algorithm === alg);
  return algorithms.length > 0
    ? { algorithms }
    : { fault: `expected a JWK whose "alg" is one of ${fit.algorithms.join(', ')}, got ${quoted(alg)}` };
}
