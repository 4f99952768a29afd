import type { Verification } from './verify';

/** What a verification came to, for a terminal. No part of the token is in it but whom it names. */
export function report({ route, verdict, asksRedis }: Verification): string {
  const redis = asksRedis ? ['not asked: Redis (revocation, rate limits)'] : [];
  if (verdict.outcome !== 'admitted') {
    return [`refused: ${verdict.status} ${verdict.outcome}: ${verdict.message}`, `route: ${route}`].join(
      '\n',
    );
  }
  const { tenantId, userId, roles } = verdict.identity;
  return [
    'admitted',
    `route: ${route}`,
    `tenant: ${JSON.stringify(tenantId)}`,
    `user: ${JSON.stringify(userId)}`,
    `roles: ${roles.length === 0 ? 'none' : roles.map((role) => JSON.stringify(role)).join(', ')}`,
    ...redis,
  ].join('\n');
}
