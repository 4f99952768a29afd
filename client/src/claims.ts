import { attempt } from './attempt.ts';

/**
 * The claims of a token, without verifying anything: whether it is any good is the gateway's to say.
 * @returns none when it is no JWT
 */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const payload = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/');
  return attempt(() => JSON.parse(atob(payload ?? '')) as Record<string, unknown> | null) ?? {};
}
