/**
 * Whether an error means one of the keys or channels that a call names, and not Redis as it is. The call may go well
 * without that one.
 */
export function isOfOneItem(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  // A user who may not run the command at all may run it for no item.
  return /^(?:NOPERM|WRONGTYPE|CROSSSLOT)\b/.test(error.message) && !error.message.includes('to run the');
}

/** A list in two halves. */
export function halves<T>(items: readonly T[]): readonly [readonly T[], readonly T[]] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}
