import type { JWTPayload } from 'jose';
import type { GatekeeperOutcome } from '../../protocol/refusals';
import type { TokenRules } from '../config/config';
import { Refusal } from '../request/refusal';
import { claimAt } from './claims';

/**
 * Checks whom a token is from, whom it is for and of what kind it is. A claim that is there is always checked, also one that
 * may be absent (docs/adr/0009).
 * @throws Refusal 401
 */
export function checkIssuerAudienceType(payload: JWTPayload, rules: TokenRules): void {
  const { issuers, audiences, tokenTypes, tokenTypeClaim } = rules;
  check('iss', issuers, payload.iss, 'wrong_issuer', 'issuer');
  check('aud', audiences, payload.aud, 'wrong_audience', 'audience');
  check('type', tokenTypes, claimAt(payload, tokenTypeClaim), 'wrong_type', 'type');

  function check(
    name: string,
    accepted: readonly string[],
    claim: unknown,
    code: GatekeeperOutcome,
    noun: string,
  ): void {
    if (accepted.length === 0) return;
    if (claim === undefined) {
      if (rules.optionalClaims.includes(name)) return;
      throw new Refusal(code, `The token names no ${noun}`);
    }
    if (!isAccepted(claim, accepted, name === 'aud')) {
      throw new Refusal(code, `The token's ${noun} is not accepted`);
    }
  }
}

/** RFC 7519 §4.1.3: an audience may be a list, of which one must be ours; no other claim may. */
function isAccepted(claim: unknown, accepted: readonly string[], maybeList: boolean): boolean {
  if (typeof claim === 'string') return accepted.includes(claim);
  return maybeList && Array.isArray(claim) && claim.some((one) => accepted.includes(one as string));
}
