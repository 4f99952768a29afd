import type { TokenLocations } from '../config/config';
import type { UpgradeRequest } from '../request/request';
import type { UpstreamChanges } from './locations';
import { stripCookies, stripQuery, stripSubprotocols } from './extractors';

/**
 * The changes to a request that is refused, so that no log of the gateway's holds a token of it. Every location that
 * the rules name is emptied, whether or not a token was taken from there.
 */
export function withheldTokens(request: UpgradeRequest, tokenLocations: TokenLocations): UpstreamChanges {
  const subprotocols = stripSubprotocols(request, tokenLocations.subprotocolPrefixes);
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
