/** A client's rights on the path that it was admitted to. */
export const ACCESSES = ['read', 'write'] as const;

/** `read`: it is sent what others are sent, and its messages are refused. `write`: it may do what its route lets clients do. */
export type Access = (typeof ACCESSES)[number];

/** One of {@link ACCESSES}, or undefined. */
export function readAccess(value: unknown): Access | undefined {
  return ACCESSES.find((access) => access === value);
}

/** The lesser one of two. */
export function lesserAccess(a: Access, b: Access): Access {
  return a === 'read' ? a : b;
}
