/** All values of each header of a request, its name in lower case, decoded as UTF-8. */
export type RequestHeaders = ReadonlyMap<string, readonly string[]>;

/**
 * Reads Node's raw headers without merging or dropping duplicates.
 * Node hands out header bytes as latin1, without the white space around them; ours are UTF-8.
 */
export function readHeaders(rawHeaders: readonly string[]): RequestHeaders {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = Buffer.from(rawHeaders[index + 1] ?? '', 'latin1').toString('utf8');
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [value]);
    else values.push(value);
  }
  return headers;
}

/** All values of one header; none when it is absent. */
export function headerValues(headers: RequestHeaders, name: string): readonly string[] {
  return headers.get(name.toLowerCase()) ?? [];
}
