import type { TokenLocations } from '../config/config';
import { Refusal } from '../request/refusal';
import type { UpgradeRequest } from '../request/request';
import { bearerValues, stripCookies, stripQuery, stripSubprotocols } from './extractors';

/** The changes to the upstream request so that it carries no token. */
export interface UpstreamChanges {
  readonly clearHeaders: readonly string[];
  /** Headers that keep their other items. */
  readonly setHeaders: Readonly<Record<string, string>>;
  /** The query without the token, when it had one. */
  readonly rawQuery: string | undefined;
}

/** A token and what must change so that it goes no further. */
export interface PresentedToken {
  readonly token: string;
  readonly changes: UpstreamChanges;
}

// Three base64url parts (RFC 7515 §7.1); the signature may be empty here, verification refuses it.
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/**
 * Finds the one token of a request in the places that the rules name, in their order.
 * @param cookiesCount whether the request comes from an Origin whose cookies are taken for consent
 * @throws Refusal 401 when there is none, when two differ, or when it is no compact JWS. Refusal 403 when there is only
 *   one in a cookie that does not count
 */
export function findToken(
  request: UpgradeRequest,
  tokenLocations: TokenLocations,
  maximumBytes: number,
  cookiesCount: boolean,
): PresentedToken {
  const subprotocols = stripSubprotocols(request, tokenLocations.subprotocolPrefixes);
  const cookies = stripCookies(request, tokenLocations.cookieNames);
  const query = stripQuery(request.rawQuery ?? '', tokenLocations.uriParamNames);
  const tokens = [
    ...bearerValues(request, tokenLocations.headerNames),
    ...subprotocols.tokens,
    ...(cookiesCount ? cookies.tokens : []),
    ...query.tokens,
  ];
  if (tokens.length === 0 && cookies.tokens.length > 0) {
    throw new Refusal('origin_not_allowed', 'A token in a cookie needs an allowed Origin');
  }
  const token = onlyOne(tokens);
  checkForm(token, maximumBytes);
  const changes = {
    clearHeaders: [...tokenLocations.headerNames, ...subprotocols.clearHeaders, ...cookies.clearHeaders],
    setHeaders: { ...subprotocols.setHeaders, ...cookies.setHeaders },
    rawQuery: query.rawQuery,
  };
  return { token, changes };
}

function onlyOne(tokens: readonly string[]): string {
  const [token, ...others] = new Set(tokens);
  if (token === undefined) throw new Refusal('no_token', 'No bearer token was presented');
  if (others.length > 0) throw new Refusal('several_tokens', 'More than one token was presented');
  return token;
}

function checkForm(token: string, maximumBytes: number): void {
  if (Buffer.byteLength(token) > maximumBytes) {
    throw new Refusal('malformed_token', `The token is longer than ${maximumBytes} bytes`);
  }
  if (!COMPACT_JWS.test(token)) {
    throw new Refusal('malformed_token', 'The token is not a JWT in compact serialization');
  }
}
