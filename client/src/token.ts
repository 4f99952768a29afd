// RFC 9110 §5.6.2: what an item of Sec-WebSocket-Protocol consists of. A JWT does.
const ITEM = /^[!#$%&'*+.^_`|~\w-]+$/;

/**
 * The token, when it is one that can travel among the subprotocols.
 * @throws TypeError that says what came in its place, and quotes nothing of it: a browser that refuses it would
 */
export function checkedToken(token: unknown, prefix: string): string {
  if (token && typeof token === 'string' && ITEM.test(prefix + token)) return token;
  const got = token && typeof token === 'string' ? 'a text with other characters' : described(token);
  throw new TypeError(`token: expected a function that gives a text such as a JWT, got ${got}`);
}

/** The kind of a value. */
export function described(value: unknown): string {
  return value === '' ? 'an empty text' : value === null ? 'null' : typeof value;
}
