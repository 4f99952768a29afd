/** How deep what comes from outside may be nested: several times as deep as any configuration or JWK Set is. */
export const MAX_NESTING = 32;

/**
 * Whether objects and lists are nested deeper than that. Walks level by level and not by recursion, which ends the process
 * where JSON.parse itself still reads on.
 */
export function isNestedDeeperThan(value: unknown, levels: number): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; depth < levels && level.length > 0; depth += 1) {
    level = level.flatMap((container): unknown[] => Object.values(container)).filter(isContainer);
  }
  return level.length > 0;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
