/**
 * The claim at a path, or undefined where there is none. Own members of plain objects only,
 * so that no path reaches a prototype.
 */
export function claimAt(payload: unknown, path: readonly string[]): unknown {
  let value: unknown = payload;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** A roles claim: an array of strings, or nothing. Anything else is undefined. */
export function rolesFrom(claim: unknown): readonly string[] | undefined {
  if (claim === undefined || claim === null) return [];
  if (!Array.isArray(claim) || !claim.every((role) => typeof role === 'string')) return undefined;
  return claim;
}
