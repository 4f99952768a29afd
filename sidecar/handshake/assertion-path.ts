import type { Assertion } from '../../protocol/assertion';
import { unauthorized, type Refusal } from '../http/refusal';

/** What the path in an assertion counts for, as `BRIDGE_ASSERTION_PATH` says. */
export const ASSERTION_PATH_RULES = [
  /** It must be the upgrade's. An assertion without one counts for every path: a gatekeeper of the minor version before signs none. */
  'checked',
  /** It must be the upgrade's, and must be there. */
  'required',
  /** Nothing: for installations in which something behind the gatekeeper rewrites the path. */
  'ignored',
] as const;
/** One of {@link ASSERTION_PATH_RULES}. */
export type AssertionPathRule = (typeof ASSERTION_PATH_RULES)[number];

/** One of {@link ASSERTION_PATH_RULES}, or undefined. */
export function readAssertionPathRule(value: string): AssertionPathRule | undefined {
  return ASSERTION_PATH_RULES.find((rule) => rule === value);
}

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
