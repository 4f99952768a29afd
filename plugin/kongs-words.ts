import type { Admit, Reject } from './decision/verdict';
import type { Kong } from './kong';

/** As Kong writes in place of an Authorization header. */
export const REDACTED = 'REDACTED';

/** The member of a log plugin's entry with what the gatekeeper decided. */
export const LOGGED_AS = 'ws_gatekeeper';

/**
 * Tells Kong's other plugins who was admitted. The acl plugin goes by the roles, others by the consumer. None of these calls
 * has a result, so they ride in the write that admits.
 */
export async function tellAdmitted(kong: Kong, admit: Admit): Promise<void> {
  await kong.ctx.shared.set('authenticated_groups', admit.identity.roles);
  const { consumer: authenticated } = admit;
  if (authenticated !== undefined)
    await kong.client.authenticate(authenticated.consumer, authenticated.credential);
  await kong.log.setSerializeValue(`request.headers.${admit.secretHeader}`, REDACTED);
  await tellDecided(kong, admit);
}

/** Tells Kong's log plugins what was decided of whom. */
export function tellDecided(kong: Kong, { outcome, requestId, identity }: Admit | Reject): Promise<void> {
  return kong.log.setSerializeValue(LOGGED_AS, {
    ...{ outcome, request_id: requestId },
    ...(identity && { tenant: identity.tenantId, user: identity.userId }),
  });
}
