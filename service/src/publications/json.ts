/**
 * The JSON of what is published.
 * @throws TypeError at what has none, such as undefined: an empty message would go out, or a frame without its data
 */
export function jsonOf(value: unknown): string {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`expected a value of JSON, not ${typeof value}`);
  return json;
}
