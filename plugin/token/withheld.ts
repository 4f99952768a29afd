import type { TokenLocations } from '../config/config';
import type { UpgradeRequest } from '../request/request';
import type { UpstreamChanges } from './locations';
import { stripCookies, stripQuery, stripSubprotocols } from './extractors';

/**
 * The changes to a request that is refused, so that no log of the gateway's holds a token of it. Every location that
 * the rules name is emptied, whether or not a token was taken from there.
 */
export function withheldTokens(request: UpgradeRequest, tokenLocations: TokenLocations): UpstreamChanges {
  const subprotocols = stripSubprotocols(
    request,
    tokenLocations.subprotocolPrefixes,
    isTokenItem(tokenLocations),
  );
  const cookies = stripCookies(request, tokenLocations.cookieNames);
  const query = stripQuery(request.rawQuery ?? '', tokenLocations.uriParamNames);
  const headerNames = tokenLocations.headerNames.filter((name) => request.headers[name] !== undefined);
  return {
    clearHeaders: [...headerNames, ...subprotocols.clearHeaders, ...cookies.clearHeaders],
    setHeaders: { ...subprotocols.setHeaders, ...cookies.setHeaders },
    rawQuery: query.rawQuery,
  };
}

/** The same for a request of which nothing is known: whatever may hold a token goes as a whole. */
export function withheldUnseen(tokenLocations: TokenLocations): UpstreamChanges {
  const { headerNames, subprotocolPrefixes, cookieNames, uriParamNames } = tokenLocations;
  return {
    clearHeaders: [
      ...headerNames,
      ...(subprotocolPrefixes.length > 0 ? ['sec-websocket-protocol'] : []),
      ...(cookieNames.length > 0 ? ['cookie'] : []),
    ],
    setHeaders: {},
    rawQuery: uriParamNames.length > 0 ? '' : undefined,
  };
}

/** The beginning of a JWT: `{"` in base64url, and a dot after the header (RFC 7515 §7.1). */
const JWT_INSIDE = /eyJ[\w-]+\.[\w-]/;

/** Clients also spell a prefix in another case, or offer the token as an item of its own: neither is to be logged. */
function isTokenItem({ subprotocolPrefixes }: TokenLocations): (item: string) => boolean {
  const prefixes = subprotocolPrefixes.map((prefix) => prefix.toLowerCase());
  if (prefixes.length === 0) return () => false;
  return (item) => {
    const lower = item.toLowerCase();
    return JWT_INSIDE.test(item) || prefixes.some((prefix) => lower.startsWith(prefix));
  };
}
