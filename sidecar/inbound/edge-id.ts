/** The id is looked for in so many characters at the beginning of a command, and in as many at its end. */
export const ID_WINDOW = 1024;

/** The first members, when they are `id`, or `type` and then `id`. */
const LEADING = /^\s*\{\s*(?:"type"\s*:\s*"[^"\\]*"\s*,\s*)?"id"\s*:\s*"([^"\\]{1,128})"/;
/** The last member: in valid JSON what ends so is one, because no string holds a quote that is not escaped. */
const TRAILING = /,\s*"id"\s*:\s*"([^"\\]{1,128})"\s*\}\s*$/;

/**
 * The id of a command whose text is not read whole, when it stands where one need not read far.
 * @param first its beginning
 * @param last its end
 */
export function edgeId(first: string, last = first): string | undefined {
  const [leading, trailing] = [
    LEADING.exec(first.slice(0, ID_WINDOW))?.[1],
    TRAILING.exec(last.slice(-ID_WINDOW))?.[1],
  ];
  // When there are two ids, none is the command's.
  return leading !== undefined && trailing !== undefined && leading !== trailing
    ? undefined
    : (leading ?? trailing);
}
