/** The rules for the access in an assertion, as `BRIDGE_ASSERTION_ACCESS` names them. */
export const ASSERTION_ACCESS_RULES = [
  /** It is held to. An assertion without one counts as `write`: its gatekeeper has no rules, or is older than they are. */
  'checked',
  /** It is held to, and must be there. */
  'required',
] as const;
/** One of {@link ASSERTION_ACCESS_RULES}. */
export type AssertionAccessRule = (typeof ASSERTION_ACCESS_RULES)[number];

/** One of {@link ASSERTION_ACCESS_RULES}, or undefined. */
export function readAssertionAccessRule(value: string): AssertionAccessRule | undefined {
  return ASSERTION_ACCESS_RULES.find((rule) => rule === value);
}
