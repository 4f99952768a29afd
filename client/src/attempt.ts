/** The value that a function gives; undefined when it throws. */
export function attempt<Value>(give: () => Value): Value | undefined {
  try {
    return give();
  } catch {
    return undefined;
  }
}
