import { SignJWT, type JWTPayload } from 'jose';
import { readAccess, type Access } from './access';
import { REQUEST_ID_PATTERN } from './headers';
import { identityFault, type Identity } from './identity';
import { signHs256, verifyJws, type JwsFault, type VerifiedJws } from './jws';
import type { FittedKey } from './keys';
import { isNumericDate } from './numeric-date';

/** `iss` of every assertion. */
export const ASSERTION_ISSUER = 'ws-gatekeeper';
/** `aud` of every assertion. */
export const ASSERTION_AUDIENCE = 'ws-bridge';
/** `typ` of every assertion: explicit typing (RFC 8725 §3.11) keeps it apart from users' tokens. */
export const ASSERTION_TYPE = 'gateway-assertion+jwt';
/** `typ` of a reader's: a bridge that does not know readers refuses it. */
export const READER_ASSERTION_TYPE = 'gateway-reader-assertion+jwt';
/** How long an assertion lives, in seconds: an upgrade follows its decision at once. */
export const ASSERTION_LIFETIME_SECONDS = 30;
/** How far the gatekeeper's and the bridge's clocks may differ, in seconds. */
export const ASSERTION_CLOCK_TOLERANCE_SECONDS = 5;

/** The gatekeeper vouches for these. */
export interface AssertedCaller {
  readonly identity: Identity;
  /** The request's id, the same as in the request id header. */
  readonly requestId: string;
  /** The user's token's `jti`, when it had one. */
  readonly tokenJti: string | undefined;
  /** The user's token's `exp`, in seconds since the epoch. */
  readonly tokenExp: number;
  /**
   * The path that the upgrade goes on to, in its one spelling (protocol/path.ts): the assertion counts there and nowhere else.
   * Undefined in an assertion of a gatekeeper that did not sign it yet.
   */
  readonly path: string | undefined;
  /** The access that rules decided there; undefined where none decided, which counts as `write`. */
  readonly access?: Access | undefined;
}

/** A verified assertion. */
export interface Assertion extends AssertedCaller {
  /** Unique to this assertion: the bridge accepts it once. */
  readonly jti: string;
  /** When it was signed, in seconds since the epoch. */
  readonly iat: number;
  /** When it ends, in seconds since the epoch. */
  readonly exp: number;
}

/** An assertion that is not accepted. The message says why and quotes nothing of it. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
  readonly code = 'ERR_ASSERTION_INVALID';
}

/**
 * Signs an assertion: a compact JWS (RFC 7515 §7.1), ended {@link ASSERTION_LIFETIME_SECONDS} after `now`.
 * @param now seconds since the epoch
 * @param jti unique to this assertion
 */
export async function signAssertion(
  caller: AssertedCaller,
  key: FittedKey,
  now: number,
  jti: string,
): Promise<string> {
  const iat = Math.floor(now);
  const payload: JWTPayload = {
    iss: ASSERTION_ISSUER,
    aud: ASSERTION_AUDIENCE,
    sub: caller.identity.userId,
    tenant_id: caller.identity.tenantId,
    roles: [...caller.identity.roles],
    token_exp: caller.tokenExp,
    rid: caller.requestId,
    jti,
    iat,
    exp: iat + ASSERTION_LIFETIME_SECONDS,
    // JSON leaves out what is undefined.
    token_jti: caller.tokenJti,
    path: caller.path,
    access: caller.access,
  };
  const alg = key.algorithms[0];
  if (alg === undefined) throw new TypeError('a signing key fits at least one algorithm');
  const typ = typeFor(caller.access);
  const header = { alg, typ, ...(key.kid === undefined ? {} : { kid: key.kid }) };
  if (alg === 'HS256' && key.secret !== undefined) return signHs256(header, payload, key.secret);
  return new SignJWT(payload).setProtectedHeader(header).sign(key.key);
}

/**
 * Verifies an assertion's signature, type, issuer, audience, times and claims.
 * A key is tried when its `kid` is the assertion's, or when either has none.
 * @param now seconds since the epoch
 * @throws AssertionError for anything but a valid assertion
 */
export async function verifyAssertion(
  jws: string,
  keys: readonly FittedKey[],
  now: number,
): Promise<Assertion> {
  const { header, payload } = await verifyWithAny(jws, keys);
  requireClaims(header, payload, now);
  return toAssertion(payload, now);
}

function typeFor(access: Access | undefined): string {
  return access === 'read' ? READER_ASSERTION_TYPE : ASSERTION_TYPE;
}

const FAULTS: Readonly<Record<JwsFault, string>> = {
  malformed: 'the assertion is malformed',
  algorithm: "the assertion's algorithm does not fit the key",
  signature: "the assertion's signature does not verify",
};

async function verifyWithAny(jws: string, keys: readonly FittedKey[]): Promise<VerifiedJws> {
  let failure = 'no key fits the assertion';
  for (const key of keys) {
    const verified = await verifyJws(jws, key);
    if (typeof verified === 'string') {
      failure = FAULTS[verified];
      continue;
    }
    const { kid } = verified.header;
    if (kid === undefined || key.kid === undefined || kid === key.kid) return verified;
  }
  throw new AssertionError(failure);
}

/** Checks that it is an assertion, and a present one (RFC 7519 §4.1, RFC 8725 §3.11). */
function requireClaims(header: VerifiedJws['header'], payload: VerifiedJws['payload'], now: number): void {
  const { iss, aud, exp, nbf } = payload;
  const { access } = payload;
  if (access !== undefined && readAccess(access) === undefined) throw malformed('access');
  if (header['typ'] !== typeFor(readAccess(access))) throw notAccepted('typ');
  if (iss !== ASSERTION_ISSUER) throw notAccepted('iss');
  if (aud !== ASSERTION_AUDIENCE) throw notAccepted('aud');
  if (!isNumericDate(exp)) throw malformed('exp');
  if (exp <= now - ASSERTION_CLOCK_TOLERANCE_SECONDS) throw new AssertionError('the assertion has expired');
  // Ours have none.
  if (nbf !== undefined) throw notAccepted('nbf');
}

function toAssertion(payload: VerifiedJws['payload'], now: number): Assertion {
  const { sub, jti, iat, exp, roles, rid, path } = payload;
  const { tenant_id: tenantId, token_jti: tokenJti, token_exp: tokenExp } = payload;
  if (typeof sub !== 'string' || typeof tenantId !== 'string') throw malformed('sub, tenant_id');
  if (typeof jti !== 'string') throw malformed('jti');
  if (typeof rid !== 'string' || !REQUEST_ID_PATTERN.test(rid)) throw malformed('rid');
  if (!isNumericDate(iat) || !isNumericDate(exp)) throw malformed('iat, exp');
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) throw malformed('roles');
  if (!isNumericDate(tokenExp)) throw malformed('token_exp');
  if (tokenJti !== undefined && typeof tokenJti !== 'string') throw malformed('token_jti');
  if (path !== undefined && (typeof path !== 'string' || !path.startsWith('/'))) throw malformed('path');
  if (iat > now + ASSERTION_CLOCK_TOLERANCE_SECONDS)
    throw new AssertionError('the assertion is from the future');
  if (exp - iat > ASSERTION_LIFETIME_SECONDS) throw new AssertionError('the assertion lives too long');
  const identity: Identity = Object.freeze({ tenantId, userId: sub, roles: Object.freeze([...roles]) });
  const fault = identityFault(identity);
  if (fault !== undefined) throw new AssertionError(`the assertion's ${fault}`);
  const access = readAccess(payload['access']);
  return Object.freeze({ identity, requestId: rid, tokenJti, tokenExp, path, access, jti, iat, exp });
}

function notAccepted(claim: string): AssertionError {
  return new AssertionError(`the assertion's "${claim}" is not accepted`);
}

function malformed(claims: string): AssertionError {
  return new AssertionError(`expected well-typed claims ${claims} in the assertion`);
}
