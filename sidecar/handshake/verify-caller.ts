import { AssertionError, verifyAssertion, type Assertion } from '../../protocol/assertion';
import type { HeaderNames } from '../../protocol/headers';
import { rolesText } from '../../protocol/identity';
import type { FittedKey } from '../../protocol/keys';
import { unauthorized, type Refusal } from '../http/refusal';
import type { CallerHeaders } from './upgrade-request';

/** A caller is verified by these. */
export interface CallerPolicy {
  readonly headers: HeaderNames;
  readonly keys: readonly FittedKey[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Verifies who asks. The assertion alone says it, and the plain headers must agree with it (PROTOCOL.md §1).
 * @returns why nobody vouches for the caller, when nobody does
 */
export async function verifyCaller(
  given: CallerHeaders,
  { headers, keys, now }: CallerPolicy,
): Promise<Assertion | Refusal> {
  const [jws] = given.assertion;
  if (jws === undefined) return unauthorized('expected an assertion of the gateway');
  if (given.assertion.length > 1) return unauthorized('expected one assertion of the gateway');
  try {
    const caller = await verifyAssertion(jws, keys, now() / 1000);
    return plainHeadersFault(given, caller, headers) ?? caller;
  } catch (error) {
    if (error instanceof AssertionError) return unauthorized(error.message);
    throw error;
  }
}

function plainHeadersFault(given: CallerHeaders, caller: Assertion, names: HeaderNames): Refusal | undefined {
  const { tenantId, userId, roles } = caller.identity;
  const fault =
    plainHeaderFault(names.tenant, given.tenant, tenantId) ??
    plainHeaderFault(names.user, given.user, userId) ??
    plainHeaderFault(names.roles, given.roles, rolesText(roles));
  return fault ?? plainHeaderFault(names.requestId, given.requestId, caller.requestId);
}

function plainHeaderFault(name: string, values: readonly string[], asserted: string): Refusal | undefined {
  if (values.length < 2) {
    const value = values[0];
    if (value === asserted) return undefined;
    // A proxy may drop an empty header: no roles are no roles either way.
    if (value === undefined && asserted === '') return undefined;
  }
  return unauthorized(`expected one ${name} that agrees with the assertion`);
}
