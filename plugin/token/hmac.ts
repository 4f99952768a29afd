import { jwtVerify, UnsecuredJWT, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { hasHmac } from '../../protocol/hmac';
import type { VerificationKey } from '../keys/key-source';

/** `{"alg":"none"}`: what jose's check of claims alone takes before the payload. */
const UNSECURED = 'eyJhbGciOiJub25lIn0.';

/** A protected header, of which the caller has checked that its algorithm is allowed. */
export type CheckedHeader = Readonly<Record<string, unknown>> & { readonly alg: string };

/**
 * jose's jwtVerify, but that a shared secret's HMAC is compared in place: WebCrypto would hand it to a thread and back
 * (docs/adr/0007). Only what is certainly right is settled here: a header without extensions and the signature in its one canonical
 * spelling. jose judges all else, and the claims of everything.
 * @throws errors.JOSEError
 */
export async function verifyJwt(
  token: string,
  header: CheckedHeader,
  { key, secret }: VerificationKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  if (secret !== undefined && !hasExtensions(header) && hasHmac(token, header.alg, secret)) {
    return UnsecuredJWT.decode(`${UNSECURED}${payloadOf(token)}.`, options).payload;
  }
  return (await jwtVerify(token, key, { ...options, algorithms: [header.alg] })).payload;
}

/** Keys to try, the one first whose HMAC the token carries: one of several secrets costs no more than the first of them. */
export function likeliestFirst(
  token: string,
  alg: string,
  keys: readonly VerificationKey[],
): readonly VerificationKey[] {
  if (keys.length < 2) return keys;
  const match = keys.find(({ secret }) => secret !== undefined && hasHmac(token, alg, secret));
  return match === undefined || match === keys[0] ? keys : [match, ...keys.filter((key) => key !== match)];
}

// RFC 7515 §4.1.11, RFC 7797 §3.
function hasExtensions(header: CheckedHeader): boolean {
  return 'crit' in header || 'b64' in header;
}

function payloadOf(token: string): string {
  return token.slice(token.indexOf('.') + 1, token.lastIndexOf('.'));
}
