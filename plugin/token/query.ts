/** Tokens found in a query, and the query without them. */
export interface StrippedQuery {
  readonly tokens: readonly string[];
  /** Undefined when the query had none: it is left alone. */
  readonly rawQuery: string | undefined;
}

/** The tokens in query parameters of these names; the other parameters keep their bytes and their order. */
export function stripQuery(rawQuery: string, names: readonly string[]): StrippedQuery {
  if (names.length === 0 || rawQuery === '') return { tokens: [], rawQuery: undefined };
  const parameters = rawQuery.split('&');
  const isToken = (parameter: string) => names.includes(decode(parameter.split('=', 1)[0] ?? ''));
  const tokens = parameters.filter(isToken).map((parameter) => {
    const at = parameter.indexOf('=');
    return at === -1 ? '' : decode(parameter.slice(at + 1));
  });
  if (tokens.length === 0) return { tokens, rawQuery: undefined };
  return { tokens, rawQuery: parameters.filter((parameter) => !isToken(parameter)).join('&') };
}

/** Text that is not well percent-encoded stays as it is: then it is no name and no token. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
