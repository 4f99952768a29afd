import { z } from 'zod';
import { idFrom } from '../../protocol/identity';

/** Whose sockets are to be closed: a token's, a tenant's, or those of a tenant's user. */
export type Revocation =
  { readonly jti: string } | { readonly tenant: string; readonly user?: string | undefined };

const TYPE = z.literal('revoke');
/** A number, as tokens may have one, is the same id as its digits. */
const NAME = z.unknown().transform((value, context) => {
  const id = idFrom(value);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: 'expected a text, or an integer that JSON carries exactly' });
  return z.NEVER;
});
const REVOCATION = z.union([
  z.strictObject({ type: TYPE, jti: NAME }),
  z.strictObject({ type: TYPE, tenant: NAME, user: NAME.optional() }),
]);

/** Parses a message of the control channel (PROTOCOL.md §6). @returns undefined when it is none of its */
export function parseRevocation(message: Buffer): Revocation | undefined {
  try {
    return REVOCATION.parse(JSON.parse(message.toString('utf8')));
  } catch {
    return undefined;
  }
}
