import type { TenantPrefixes } from '../config/config';
import { Refusal } from '../request/refusal';

/**
 * The tenant's name everywhere behind the gatekeeper: the claim, behind its issuer's prefix.
 * @param issuer the token's `iss`
 * @throws Refusal 401 for a token of no issuer that has a prefix
 */
export function tenantName(claim: string, issuer: unknown, { byIssuer, others }: TenantPrefixes): string {
  const prefix = (typeof issuer === 'string' ? byIssuer.get(issuer) : undefined) ?? others;
  if (prefix === undefined) throw new Refusal('wrong_issuer', "The token's issuer is not accepted");
  return prefix + claim;
}
