import type { Assertion } from '../../protocol/assertion';
import { unauthorized, type Refusal } from '../http/refusal';
import type { AssertionPathRule } from '../settings/assertion-path-rule';

/** So much of a path stands in a log line. */
const MAX_LOGGED_CHARS = 200;

/**
 * Why an assertion does not count for an upgrade to this path, if it does not.
 * @param path the upgrade's, in its one spelling (protocol/path.ts), as the assertion has it
 */
export function assertionPathFault(
  { path: claimed }: Assertion,
  path: string,
  rule: AssertionPathRule,
): Refusal | undefined {
  if (rule === 'ignored' || claimed === path) return undefined;
  if (claimed !== undefined) return { ...OTHER_PATH, detail: otherPathText(claimed, path) };
  return rule === 'required' ? PATH_MISSING : undefined;
}

const OTHER_PATH = unauthorized('the assertion is for another path');
const PATH_MISSING: Refusal = {
  ...unauthorized('expected an assertion for one path'),
  detail:
    'expected an assertion for one path, got one that names none: this gatekeeper is older than ' +
    'BRIDGE_ASSERTION_PATH=required allows',
};

function otherPathText(claimed: string, path: string): string {
  const [of, at] = [claimed, path].map((text) => JSON.stringify(text.slice(0, MAX_LOGGED_CHARS)));
  return (
    `expected an assertion for ${at}, got one for ${of}: where something behind the gatekeeper rewrites the path, ` +
    'BRIDGE_ASSERTION_PATH=ignored admits it'
  );
}
