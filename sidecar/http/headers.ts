/** A request's headers as Node has them: names and values in turn, repeated ones kept apart. */
export type RequestHeaders = readonly string[];

/** All values of each header. One that is absent has none. */
export type HeaderValues<Key extends string> = Readonly<Record<Key, readonly string[]>>;

const NONE: readonly string[] = Object.freeze([]);
const BEYOND_ASCII = /[\u0080-\u00ff]/;

/**
 * Reads some headers in one pass over all: a storm of upgrades has some twenty to look for.
 * Node hands out header bytes as latin1, without the white space around them; ours are UTF-8.
 * @param names by the key under which their values come, in any case (RFC 9110 §5.1)
 */
export function headerReader<Key extends string>(
  names: Readonly<Record<Key, string>>,
): (headers: RequestHeaders) => HeaderValues<Key> {
  const absent = {} as Record<Key, readonly string[]>;
  const keys = new Map<string, Key[]>();
  for (const [key, name] of Object.entries(names) as [Key, string][]) {
    absent[key] = NONE;
    const lowerCased = name.toLowerCase();
    const sharers = keys.get(lowerCased) ?? [];
    sharers.push(key);
    // As it is usually spelled too: a lookup that finds nothing costs another one.
    keys.set(lowerCased, sharers).set(name, sharers);
  }
  return (headers) => {
    const values = { ...absent };
    for (let index = 0; index + 1 < headers.length; index += 2) {
      const name = headers[index] ?? '';
      const sharers = keys.get(name) ?? keys.get(name.toLowerCase());
      if (sharers === undefined) continue;
      const value = decoded(headers[index + 1] ?? '');
      for (const key of sharers) {
        const before = values[key] as string[];
        if (before === NONE) values[key] = [value];
        else before.push(value);
      }
    }
    return values;
  };
}

function decoded(value: string): string {
  return BEYOND_ASCII.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value;
}
