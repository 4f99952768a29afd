import type { KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import { isCompactJws } from './compact-jws';
import { hasHmac, hmacOf } from './hmac';
import type { FittedKey } from './keys';

/** The contents of a compact JWS (RFC 7515 §7.1), its signature verified. */
export interface VerifiedJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Why a JWS is not accepted. */
export type JwsFault = 'malformed' | 'algorithm' | 'signature';

/**
 * Verifies the signature of a compact JWS whose payload is a JSON object. HS256 with a shared secret is verified in
 * place: an HMAC takes less time than handing it to WebCrypto's threads and back (docs/adr/0007). jose verifies all
 * else.
 */
export function verifyJws(
  jws: string,
  key: FittedKey,
): VerifiedJws | JwsFault | Promise<VerifiedJws | JwsFault> {
  if (!isCompactJws(jws)) return 'malformed';
  if (key.secret !== undefined && key.algorithms[0] === 'HS256') return verifyHs256(jws, key.secret);
  return verifyWithJose(jws, key);
}

async function verifyWithJose(jws: string, key: FittedKey): Promise<VerifiedJws | JwsFault> {
  try {
    const { protectedHeader, payload } = await compactVerify(jws, key.key, {
      algorithms: [...key.algorithms],
    });
    const claims = parseObject(Buffer.from(payload).toString('utf8'));
    return claims === undefined ? 'malformed' : { header: { ...protectedHeader }, payload: claims };
  } catch (cause) {
    if (cause instanceof errors.JWSSignatureVerificationFailed) return 'signature';
    return cause instanceof errors.JOSEAlgNotAllowed ? 'algorithm' : 'malformed';
  }
}

/** Signs a compact JWS with HS256, byte for byte as jose does. */
export function signHs256(header: object, payload: object, secret: KeyObject): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${hmacOf(input, 'HS256', secret)}`;
}

function verifyHs256(jws: string, secret: KeyObject): VerifiedJws | JwsFault {
  const [head = '', body = ''] = jws.split('.');
  const header = decode(head);
  // RFC 7515 §4.1.11: an extension that is not understood makes the JWS invalid, and none is.
  if (header === undefined || 'crit' in header) return 'malformed';
  if (header['alg'] !== 'HS256') return 'algorithm';
  if (!hasHmac(jws, 'HS256', secret)) return 'signature';
  const payload = decode(body);
  return payload === undefined ? 'malformed' : { header, payload };
}

function encode(json: object): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}

function decode(part: string): Record<string, unknown> | undefined {
  return parseObject(Buffer.from(part, 'base64url').toString('utf8'));
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
