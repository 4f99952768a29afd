/** A request's headers as Node has them: names and values in turn, repeated ones kept apart. */
export type RequestHeaders = readonly string[];

const BEYOND_ASCII = /[\u0080-\u00ff]/;

/**
 * All values of one header; none when it is absent.
 * Node hands out header bytes as latin1, without the white space around them; ours are UTF-8.
 */
export function headerValues(headers: RequestHeaders, name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (!isSameName(headers[index] ?? '', name)) continue;
    const value = headers[index + 1] ?? '';
    values.push(BEYOND_ASCII.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value);
  }
  return values;
}

/** In any case (RFC 9110 §5.1). Most others are told apart by their length, and cost a storm of upgrades nothing more. */
function isSameName(given: string, name: string): boolean {
  if (given === name) return true;
  return given.length === name.length && given.toLowerCase() === name.toLowerCase();
}
