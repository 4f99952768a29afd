import { UNSCOPED_DATABASE } from '../../redis/name-prefix';
import { visible } from '../../stdio/visible';
import { authorizationLines } from './authorization-report';
import type { CountingLimit, Verification } from './verify';

/** The outcome of a verification, for a terminal. No part of the token is in it but whom it names. */
export function report(verification: Verification): string {
  const { route, verdict, authorizing, tier, limits } = verification;
  if (verdict.outcome !== 'admitted') {
    return lines([
      `refused: ${verdict.status} ${verdict.outcome}: ${verdict.message}`,
      `route: ${route}`,
      ...authorizationLines(authorizing),
      ...limits.map((limit) => `limit on refused upgrades: ${limitText(limit, tier)}`),
    ]);
  }
  const { tenantId, userId, roles } = verdict.identity;
  return lines([
    'admitted',
    `route: ${route}`,
    `tenant: ${JSON.stringify(tenantId)}`,
    `user: ${JSON.stringify(userId)}`,
    `roles: ${roles.length === 0 ? 'none' : roles.map((role) => JSON.stringify(role)).join(', ')}`,
    `tier: ${tier === undefined ? 'none' : JSON.stringify(tier)}`,
    ...consumerLines(verdict.consumer?.consumer.username),
    ...authorizationLines(authorizing),
    ...limits.map((limit) => `limit: ${limitText(limit, tier)}`),
    ...(verification.asksConsumer ? ['not asked: Kong (whether it has the consumer)'] : []),
    ...redisLines(verification),
  ]);
}

function consumerLines(username: string | undefined): readonly string[] {
  return username === undefined ? [] : [`consumer: ${JSON.stringify(username)}`];
}

function redisLines(verification: Verification): readonly string[] {
  const { asksRedis, asksTier, redisPrefix, revocationPrefix, unscopedDatabase } = verification;
  const tokens = revocationPrefix === undefined ? 'revocation, ' : '';
  const asked = `not asked: Redis (${tokens}rate limits${asksTier ? ", the tenant's tier" : ''})`;
  const doubt = `database ${unscopedDatabase}: ${UNSCOPED_DATABASE}`;
  return [
    ...(asksRedis ? [asked + keysText(redisPrefix)] : []),
    ...(revocationPrefix === undefined
      ? []
      : [`not asked: revocation.redis (revocation)${keysText(revocationPrefix)}`]),
    ...(unscopedDatabase === undefined ? [] : [doubt]),
  ];
}

function keysText(prefix: string): string {
  return prefix === '' ? '' : `, where every key begins with "${prefix}"`;
}

/** Claims say what an issuer likes, and JSON escapes C0 controls only. */
function lines(texts: readonly string[]): string {
  return texts.map(visible).join('\n');
}

function limitText({ by, paths, rate, page, ofTier }: CountingLimit, tier: string | undefined): string {
  const { limit, windowSeconds, burst } = rate;
  const figures = `${limit} upgrades in ${windowSeconds} s and ${burst} ahead, by ${by}`;
  const where = paths.length === 0 ? '' : ` on ${paths.join(', ')}`;
  const once = page === undefined ? '' : `, ${page.upgrades} of a page within ${page.seconds} s as one`;
  return `${figures}${where}${once}${ofTier ? `, of tier ${JSON.stringify(tier)}` : ''}`;
}
