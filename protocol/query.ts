const BEYOND_ASCII = /[^\0-\x7f]/;

/** A value of a query (WHATWG URL §5.1), decoded. Text that is not well encoded stays as it is. */
export function formDecoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/**
 * Whether text of a query is this name, encoded. It is read up to where it differs, and not decoded. Text that is not well encoded
 * costs an exception then, and a query has room for thousands of names.
 */
export function spells(text: string, name: string): boolean {
  if (text === name) return true;
  if (BEYOND_ASCII.test(name)) return formDecoded(text) === name;
  let at = 0;
  for (const char of name) {
    const isEscape = text[at] === '%';
    const found = isEscape ? escaped(text, at) : text[at] === '+' ? ' ' : text[at];
    if (found !== char) return false;
    at += isEscape ? 3 : 1;
  }
  return at === text.length;
}

function escaped(text: string, at: number): string {
  return String.fromCharCode(Number.parseInt(text.slice(at + 1, at + 3), 16));
}

/** The first two values of a query's parameters of this name, decoded: where one is expected the second is one too many. */
export function queryValues(query: string, name: string): string[] {
  const values: string[] = [];
  for (const parameter of query === '' ? [] : query.split('&')) {
    const at = parameter.indexOf('=');
    if (!spells(at === -1 ? parameter : parameter.slice(0, at), name)) continue;
    values.push(at === -1 ? '' : formDecoded(parameter.slice(at + 1)));
    if (values.length === 2) break;
  }
  return values;
}
