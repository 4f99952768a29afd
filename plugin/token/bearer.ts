import { Refusal } from '../refusal';
import type { UpgradeRequest } from '../request';

const BEARER = /^bearer(?: +(.*))?$/is;
// Three base64url parts (RFC 7515 §7.1); the signature may be empty here, verification refuses it.
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/**
 * The token of the `Authorization` header (RFC 6750 §2.1).
 * @throws Refusal 401 when there is none, when there are two different ones, or when it is no compact JWS
 */
export function bearerToken(request: UpgradeRequest, maximumBytes: number): string {
  const values = [...new Set(request.headers['authorization'] ?? [])];
  if (values.length > 1) throw new Refusal(401, 'several_tokens', 'More than one token was presented');
  const match = BEARER.exec(values[0]?.trim() ?? '');
  if (match === null) throw new Refusal(401, 'no_token', 'No bearer token was presented');
  const token = match[1] ?? '';
  if (Buffer.byteLength(token) > maximumBytes) {
    throw new Refusal(401, 'malformed_token', `The token is longer than ${maximumBytes} bytes`);
  }
  if (!COMPACT_JWS.test(token)) {
    throw new Refusal(401, 'malformed_token', 'The token is not a JWT in compact serialization');
  }
  return token;
}
