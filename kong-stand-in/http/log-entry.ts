import type { LuaTable, LuaValue } from '../lib/lua';
import { parseQuery } from '../lib/query';
import type { GatewayRequest } from './request';

/** Headers whose value Kong never logs. */
const REDACTED = ['authorization', 'proxy-authorization'];
/** lua-nginx-module reads 100 headers and arguments unless told otherwise. */
const MAX_ITEMS = 100;

/**
 * The part of `kong.log.serialize` (kong/pdk/log.lua) that says what the client asked for and got: what log plugins write.
 * @param status of the answer
 */
export function logEntry(request: GatewayRequest, status: number): LuaTable {
  const headers: Record<string, LuaValue> = { ...request.headers.toTable(MAX_ITEMS) };
  for (const name of REDACTED) if (headers[name] !== undefined) headers[name] = 'REDACTED';
  const { target, query, upstreamPath, kongRequestId } = request;
  const entry = {
    request: {
      id: kongRequestId,
      uri: target,
      url: `http://${request.host}:${request.serverPort}${target}`,
      querystring: parseQuery(query, MAX_ITEMS),
      method: request.method,
      headers,
    },
    response: { status },
    ...authenticated(request),
    upstream_uri: query === '' ? upstreamPath : `${upstreamPath}?${query}`,
  };
  for (const [key, value] of request.serializeValues) setAt(entry, key.split('.'), value);
  return entry;
}

/** `build_authenticated_entity`, and the consumer beside it. */
function authenticated({ consumer, credential }: GatewayRequest): LuaTable {
  return {
    ...(credential && {
      authenticated_entity: { id: credential['id'], consumer_id: credential['consumer_id'] },
    }),
    ...(consumer && { consumer }),
  };
}

/** `edit_result`: each dot of a key leads into a table, which is made where there is none. */
function setAt(
  table: Record<string, LuaValue>,
  [name = '', ...rest]: readonly string[],
  value: LuaValue,
): void {
  if (rest.length === 0) {
    table[name] = value;
    return;
  }
  table[name] ??= {};
  setAt(table[name] as Record<string, LuaValue>, rest, value);
}
