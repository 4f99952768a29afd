import type { Assertion } from '../../protocol/assertion';
import { unauthorized, type Refusal } from '../http/refusal';
import type { AssertionAccessRule } from '../settings/assertion-access-rule';

/** Why an assertion does not count with the access that it says, if it does not. */
export function assertionAccessFault({ access }: Assertion, rule: AssertionAccessRule): Refusal | undefined {
  return rule === 'required' && access === undefined ? ACCESS_MISSING : undefined;
}

const ACCESS_MISSING: Refusal = {
  ...unauthorized('expected an assertion with an access'),
  detail:
    'expected an assertion with an access, got one that says none: its gatekeeper is older than authorization, or has no rules ' +
    'for this route, and BRIDGE_ASSERTION_ACCESS=required refuses that',
};
