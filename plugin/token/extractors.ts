import { formDecoded, spells } from '../../protocol/query';
import type { UpgradeRequest } from '../request/request';

/** Tokens found in a header among other things, and the header without them. */
export interface Stripped {
  readonly tokens: readonly string[];
  /** Headers of which nothing is left. */
  readonly clearHeaders: readonly string[];
  readonly setHeaders: Readonly<Record<string, string>>;
}

const BEARER = /^bearer(?: +(.*))?$/is;

/**
 * The text behind `Bearer` (RFC 6750 §2.1, case-insensitive by RFC 9110 §11.1) in these headers, whatever it is; other
 * schemes are no tokens.
 * @param names in lower case
 */
export function bearerValues(request: UpgradeRequest, names: readonly string[]): string[] {
  return names
    .flatMap((name) => request.headers[name] ?? [])
    .map((value) => BEARER.exec(value.trim()))
    .filter((match) => match !== null)
    .map((match) => match[1] ?? '');
}

const COOKIE = 'cookie';

/** The tokens in cookies of these names (RFC 6265 §5.4), and the Cookie header without them. */
export function stripCookies(request: UpgradeRequest, names: readonly string[]): Stripped {
  if (names.length === 0) return { tokens: [], clearHeaders: [], setHeaders: {} };
  const pairs = (request.headers[COOKIE] ?? [])
    .flatMap((value) => value.split(';'))
    .map((pair) => pair.trim());
  const isToken = (pair: string) => names.includes(nameOf(pair));
  const tokens = pairs.filter(isToken).map(valueOf);
  if (tokens.length === 0) return { tokens, clearHeaders: [], setHeaders: {} };
  const others = pairs.filter((pair) => pair !== '' && !isToken(pair));
  if (others.length === 0) return { tokens, clearHeaders: [COOKIE], setHeaders: {} };
  return { tokens, clearHeaders: [], setHeaders: { [COOKIE]: others.join('; ') } };
}

function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return at === -1 ? '' : pair.slice(0, at).trim();
}

function valueOf(pair: string): string {
  const value = pair.slice(pair.indexOf('=') + 1).trim();
  return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
}

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
  const isToken = (parameter: string) => {
    const [own = ''] = parameter.split('=', 1);
    return names.some((name) => spells(own, name));
  };
  const tokens = parameters.filter(isToken).map((parameter) => {
    const at = parameter.indexOf('=');
    return at === -1 ? '' : formDecoded(parameter.slice(at + 1));
  });
  if (tokens.length === 0) return { tokens, rawQuery: undefined };
  return { tokens, rawQuery: parameters.filter((parameter) => !isToken(parameter)).join('&') };
}

const PROTOCOL = 'sec-websocket-protocol';

/**
 * The tokens among the offered subprotocols (`bridge.v1, bearer.<jwt>`), and the list without them: a browser can set
 * no other header on a WebSocket. The other items reach the upstream in their order, but for those that look like a token.
 */
export function stripSubprotocols(request: UpgradeRequest, prefixes: readonly string[]): Stripped {
  const values = request.headers[PROTOCOL];
  if (values === undefined) return { tokens: [], clearHeaders: [], setHeaders: {} };
  const offered = values.flatMap((value) => value.split(',')).map((item) => item.trim());
  const prefixOf = (item: string) => prefixes.find((prefix) => item.startsWith(prefix));
  const tokens = offered.flatMap((item) => {
    const prefix = prefixOf(item);
    return prefix === undefined ? [] : [item.slice(prefix.length)];
  });
  const isToken = likeToken(prefixes);
  const kept = offered.filter((item) => prefixOf(item) === undefined && !isToken(item));
  if (kept.length === offered.length) return { tokens, clearHeaders: [], setHeaders: {} };
  const others = kept.filter((item) => item !== '');
  if (others.length === 0) return { tokens, clearHeaders: [PROTOCOL], setHeaders: {} };
  return { tokens, clearHeaders: [], setHeaders: { [PROTOCOL]: others.join(', ') } };
}

/** The beginning of a JWT: `{"` in base64url. */
const JWT_BEGINNING = 'eyJ';
/** Text that may be a JWT's header, and the dot after it with the first character behind that (RFC 7515 §7.1). */
const HEADER_LIKE = /[\w-]+(?=(\.[\w-])?)/g;

/** Whether a JWT begins anywhere in it. Each character is looked at once: anybody may send as many beginnings as a header holds. */
function holdsJwt(item: string): boolean {
  for (const [header, next] of item.matchAll(HEADER_LIKE)) {
    if (next !== undefined && header.slice(0, -1).includes(JWT_BEGINNING)) return true;
  }
  return false;
}

/** Clients also spell a prefix in another case, or offer the token as an item of its own: neither may go on, or be logged. */
function likeToken(prefixes: readonly string[]): (item: string) => boolean {
  const lowerPrefixes = prefixes.map((prefix) => prefix.toLowerCase());
  if (prefixes.length === 0) return () => false;
  return (item) => {
    const lower = item.toLowerCase();
    return holdsJwt(item) || lowerPrefixes.some((prefix) => lower.startsWith(prefix));
  };
}
