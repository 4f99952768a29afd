import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';

/** Whom a token is for. */
export interface TokenRequest {
  readonly tenant: string;
  readonly user: string;
  readonly roles: readonly string[];
  /** Which of the gatekeeper's limits hold for its tenant. Default: none is named. */
  readonly tier?: string;
  /** Seconds. */
  readonly ttlSeconds: number;
}

/**
 * Issues an access token as the platform does: HS256, `iss` `matih-platform`, `aud` `matih-api`, `type` `access`.
 * @param nowSeconds seconds since the epoch
 */
export function issueToken(request: TokenRequest, secret: string, nowSeconds: number): Promise<string> {
  const { tenant, user, roles, tier, ttlSeconds } = request;
  return new SignJWT({ type: 'access', tenant_id: tenant, roles, ...(tier === undefined ? {} : { tier }) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer('matih-platform')
    .setAudience('matih-api')
    .setSubject(user)
    .setJti(randomUUID())
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + ttlSeconds)
    .sign(Buffer.from(secret, 'utf8'));
}
