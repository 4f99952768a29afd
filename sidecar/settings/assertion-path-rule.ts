/** The rules for the path in an assertion, as `BRIDGE_ASSERTION_PATH` names them. */
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
