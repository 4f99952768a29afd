import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { isCompactJws } from '../../protocol/compact-jws';
import { idFault, identityFault, idFrom, type Identity } from '../../protocol/identity';
import { isNumericDate } from '../../protocol/numeric-date';
import type { TokenRules } from '../config/config';
import type { KeySource } from '../keys/key-source';
import { Refusal } from '../request/refusal';
import { claimAt, rolesFrom } from './claims';
import { likeliestFirst, verifyJwt } from './hmac';
import { rightsFrom, type Rights } from './rights';
import { checkIssuerAudienceType } from './issuer-audience-type';
import { tenantName } from './tenant-name';

/** The facts that a verified token states. */
export interface VerifiedToken {
  readonly identity: Identity;
  readonly jti: string | undefined;
  /** Seconds since the epoch. */
  readonly exp: number;
  /** The tier claim, when it is text. */
  readonly tier: string | undefined;
  /** The username that the consumer claim has; undefined where it has none. */
  readonly consumer: string | undefined;
  readonly rights: Rights;
  /** Whether a key of the configuration itself verified it, so that it counts whatever becomes of fetched ones. */
  readonly isByConfiguredKey?: boolean;
}

const EXPIRED = 'The token has expired';
const NOT_YET_VALID = 'The token is not valid yet';

/** Verifies tokens. */
export interface TokenVerifier {
  /**
   * @param now seconds since the epoch
   * @throws Refusal
   */
  verify(token: string, now: number): Promise<VerifiedToken>;
  /** Whether it would be taken from memory. */
  knows(token: string, now: number): boolean;
  /** Removes it from memory: it turned out to be revoked. */
  forget(token: string): void;
}

/**
 * Verifies a compact JWS as a JWT (RFC 7519 §7.2) against the rules.
 * @param sources asked in turn, the next one when no key of those before verifies the signature
 * @param now seconds since the epoch
 * @throws Refusal 401, 403 when all is well but the tenant, 503 when the keys cannot be had
 */
export async function verifyToken(
  token: string,
  rules: TokenRules,
  sources: readonly KeySource[],
  now: number,
): Promise<VerifiedToken> {
  const { payload, isByConfiguredKey } = await verifySignature(token, rules, sources, now);
  checkValidity(payload, rules, now);
  checkIssuerAudienceType(payload, rules);
  checkTimes(payload, rules, now);
  checkRequired(payload, rules);
  return verified(payload, rules, isByConfiguredKey);
}

interface Signed {
  readonly payload: JWTPayload;
  readonly isByConfiguredKey: boolean;
}

async function verifySignature(
  token: string,
  rules: TokenRules,
  sources: readonly KeySource[],
  now: number,
): Promise<Signed> {
  const header = protectedHeader(token);
  const { alg, kid } = header as { readonly alg?: unknown; readonly kid?: unknown };
  if (typeof alg !== 'string' || !rules.algorithms.includes(alg)) {
    throw new Refusal('algorithm_not_allowed', "The token's algorithm is not allowed");
  }
  const options: JWTVerifyOptions = {
    // jose judges by whole seconds: checkValidity() has the last word.
    clockTolerance: rules.clockToleranceSeconds + 1,
    currentDate: new Date(now * 1000),
  };
  let refusal: Refusal | undefined;
  for (const source of sources) {
    const candidates = await source.candidates(alg, typeof kid === 'string' ? kid : undefined);
    for (const key of likeliestFirst(token, alg, candidates)) {
      try {
        const payload = await verifyJwt(token, { ...header, alg }, key, options);
        return { payload, isByConfiguredKey: source.isConfigured === true };
      } catch (cause) {
        refusal = refusalFor(cause);
        // Another key may have signed it; any other fault would stay one.
        if (refusal.code !== 'bad_signature') throw refusal;
      }
    }
  }
  throw refusal ?? new Refusal('unknown_key', 'No key is known for the token');
}

function protectedHeader(token: string): Readonly<Record<string, unknown>> {
  if (!isCompactJws(token)) {
    throw new Refusal('malformed_token', 'The token is not three parts of base64url');
  }
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new Refusal('malformed_token', "The token's header is not JSON");
  }
}

function refusalFor(cause: unknown): Refusal {
  if (cause instanceof errors.JWTExpired) return new Refusal('expired', EXPIRED);
  if (cause instanceof errors.JWSSignatureVerificationFailed) {
    return new Refusal('bad_signature', "The token's signature does not verify");
  }
  if (cause instanceof errors.JWTClaimValidationFailed) {
    if (cause.claim === 'nbf' && cause.reason === 'check_failed') {
      return new Refusal('not_yet_valid', NOT_YET_VALID);
    }
    return new Refusal('bad_claim', `The token's "${cause.claim}" is missing or not of its type`);
  }
  if (cause instanceof errors.JOSEError) return new Refusal('malformed_token', 'The token is malformed');
  throw cause;
}

/** In fractions of seconds, which a NumericDate may have (RFC 7519 §2). */
function checkValidity({ nbf, exp }: JWTPayload, { clockToleranceSeconds }: TokenRules, now: number): void {
  if (nbf !== undefined && nbf > now + clockToleranceSeconds)
    throw new Refusal('not_yet_valid', NOT_YET_VALID);
  if (exp !== undefined && exp <= now - clockToleranceSeconds) throw new Refusal('expired', EXPIRED);
}

function checkTimes({ iat, nbf, exp }: JWTPayload, rules: TokenRules, now: number): void {
  for (const [name, claim] of Object.entries({ iat, nbf, exp })) {
    if (claim === undefined || isNumericDate(claim)) continue;
    throw new Refusal('bad_claim', `The token's "${name}" is no moment that a clock can hold`);
  }
  // RFC 7519 §4.1.6 gives `iat` no rule of refusal; a token from the future is a forged or a broken one.
  if (iat !== undefined && iat > now + rules.clockToleranceSeconds) {
    throw new Refusal('not_yet_valid', 'The token was issued in the future');
  }
  const latest = now + rules.maximumExpirationSeconds + rules.clockToleranceSeconds;
  if (rules.maximumExpirationSeconds > 0 && exp !== undefined && exp > latest) {
    throw new Refusal(
      'bad_claim',
      `The token's "exp" is more than ${rules.maximumExpirationSeconds} seconds ahead`,
    );
  }
}

function checkRequired(payload: JWTPayload, rules: TokenRules): void {
  const missing = rules.requiredClaims.find((name) => {
    const claim = claimAt(payload, [name]);
    return claim === undefined || claim === null || claim === '';
  });
  if (missing !== undefined) throw new Refusal('bad_claim', `The token has no "${missing}"`);
}

function verified(payload: JWTPayload, rules: TokenRules, isByConfiguredKey: boolean): VerifiedToken {
  const tenantClaim = idFrom(claimAt(payload, rules.tenantClaim));
  if (tenantClaim === undefined) throw new Refusal('no_tenant', 'The token names no tenant');
  const userId = idFrom(userOf(payload, rules));
  if (userId === undefined) throw new Refusal('bad_claim', 'The token names no user');
  const roles = rolesFrom(claimAt(payload, rules.rolesClaim));
  if (roles === undefined) throw new Refusal('bad_claim', "The token's roles are not an array of strings");
  const { jti, exp } = payload;
  if (jti !== undefined && typeof jti !== 'string') {
    throw new Refusal('bad_claim', 'The token\'s "jti" is not a string');
  }
  if (exp === undefined) throw new Refusal('bad_claim', 'The token\'s "exp" is missing');
  const tenantId = tenantName(tenantClaim, payload.iss, rules.tenantPrefixes);
  const identity: Identity = Object.freeze({ tenantId, userId, roles: Object.freeze([...roles]) });
  // The claim by itself, too: no prefix makes good what is at its beginning.
  const fault = identityFault({ ...identity, tenantId: tenantClaim }) ?? identityFault(identity);
  if (fault !== undefined) throw new Refusal('bad_claim', `The token's identity is not accepted: ${fault}`);
  const tier = claimAt(payload, rules.tierClaim);
  return Object.freeze({
    ...{ identity, jti, exp },
    tier: typeof tier === 'string' ? tier : undefined,
    consumer: consumerOf(payload, rules),
    rights: rightsFrom(payload, rules),
    isByConfiguredKey,
  });
}

function consumerOf(payload: JWTPayload, { consumerClaim }: TokenRules): string | undefined {
  const name = consumerClaim && idFrom(claimAt(payload, consumerClaim));
  return name === undefined || idFault('consumer', name) !== undefined ? undefined : name;
}

/** A user claim that is there counts, whatever it is: only where there is none its fallback is looked at. */
function userOf(payload: JWTPayload, { userClaim, userClaimFallback }: TokenRules): unknown {
  const user = claimAt(payload, userClaim) ?? undefined;
  return user === undefined && userClaimFallback !== undefined ? claimAt(payload, userClaimFallback) : user;
}
