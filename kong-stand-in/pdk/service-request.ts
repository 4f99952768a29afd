import { headerValues } from '../http/answer';
import { LuaError, type LuaValue } from '../lib/lua';
import { encodeQuery } from '../lib/query';
import type { GatewayRequest } from '../http/request';
import { escapePath } from '../lib/uri';
import type { PdkTable } from './call';
import { checkHeader, checkHeaders, checkString, checkTable } from './checks';

/** `kong.service.request` (kong/pdk/service/request.lua): what goes upstream. */
export const SERVICE_REQUEST: PdkTable = {
  'kong.service.request.set_header': ({ request }, name, value) => {
    setHeader(request, checkHeader(name, value), value);
    return undefined;
  },
  'kong.service.request.set_headers': ({ request }, headers) => {
    for (const [name, value] of Object.entries(checkHeaders(headers)))
      if (value !== undefined) setHeader(request, name, value);
    return undefined;
  },
  'kong.service.request.add_header': ({ request }, name, value) => {
    const checked = checkHeader(name, value);
    if (typeof value === 'object') throw new LuaError('attempt to add a table of header values');
    setHeader(request, checked, [...request.headers.all(checked), ...headerValues(value)]);
    return undefined;
  },
  'kong.service.request.clear_header': ({ request }, name) => {
    request.headers.clear(checkString(name, 'header must be a string'));
    return undefined;
  },
  'kong.service.request.set_path': ({ request }, path) => {
    const text = checkString(path, 'path must be a string');
    if (!text.startsWith('/')) throw new LuaError('path must start with /');
    request.upstreamPath = escapePath(text);
    return undefined;
  },
  'kong.service.request.set_raw_query': ({ request }, query) => {
    request.query = checkString(query, 'query must be a string');
    return undefined;
  },
  'kong.service.request.set_query': ({ request }, args) => {
    request.query = encodeQuery(checkTable(args, 'args must be a table'));
    return undefined;
  },
};

function setHeader(request: GatewayRequest, name: string, value: LuaValue): void {
  const values = headerValues(value);
  if (name.toLowerCase() === 'host') request.upstreamHost = values[0];
  request.headers.set(name, values);
}
