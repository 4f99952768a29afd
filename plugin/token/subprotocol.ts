import type { UpgradeRequest } from '../request/request';
import type { Stripped } from './stripped';

const HEADER = 'sec-websocket-protocol';

/**
 * The tokens among the offered subprotocols (`bridge.v1, bearer.<jwt>`), and the list without them: a browser can set
 * no other header on a WebSocket. The other items reach the upstream in their order.
 * @param alsoLeftOut which other items are left out, too
 */
export function stripSubprotocols(
  request: UpgradeRequest,
  prefixes: readonly string[],
  alsoLeftOut: (item: string) => boolean = () => false,
): Stripped {
  const offered = (request.headers[HEADER] ?? [])
    .flatMap((value) => value.split(','))
    .map((item) => item.trim());
  const prefixOf = (item: string) => prefixes.find((prefix) => item.startsWith(prefix));
  const tokens = offered.flatMap((item) => {
    const prefix = prefixOf(item);
    return prefix === undefined ? [] : [item.slice(prefix.length)];
  });
  const kept = offered.filter((item) => prefixOf(item) === undefined && !alsoLeftOut(item));
  if (kept.length === offered.length) return { tokens, clearHeaders: [], setHeaders: {} };
  const others = kept.filter((item) => item !== '');
  if (others.length === 0) return { tokens, clearHeaders: [HEADER], setHeaders: {} };
  return { tokens, clearHeaders: [], setHeaders: { [HEADER]: others.join(', ') } };
}
