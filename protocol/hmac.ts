import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

/** The hashes of RFC 7518 §3.2. */
const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;
type HmacAlgorithm = keyof typeof HASHES;

/** The HMAC of a JWS's signing input (RFC 7515 §5.1), in its one canonical spelling. */
export function hmacOf(input: string, alg: HmacAlgorithm, secret: KeyObject): string {
  return createHmac(HASHES[alg], secret).update(input).digest('base64url');
}

/**
 * Whether a compact JWS carries the HMAC of its header and payload; false for an algorithm that is no HMAC. The two are compared
 * as text: another spelling of the same bytes is another signature. The time tells nobody where they differ.
 */
export function hasHmac(jws: string, alg: string, secret: KeyObject): boolean {
  if (!isHmacAlgorithm(alg)) return false;
  const dot = jws.lastIndexOf('.');
  const given = Buffer.from(jws.slice(dot + 1));
  const expected = Buffer.from(hmacOf(jws.slice(0, dot), alg, secret));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function isHmacAlgorithm(alg: string): alg is HmacAlgorithm {
  return Object.hasOwn(HASHES, alg);
}
