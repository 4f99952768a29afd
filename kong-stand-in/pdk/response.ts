import { exitAnswer, headerValues, setResponseHeader } from '../http/answer';
import { LuaError, type LuaValue } from '../lib/lua';
import { PdkExit, type PdkContext, type PdkTable } from './call';
import { checkHeader, checkHeaders, checkString } from './checks';

/** `kong.response` (kong/pdk/response.lua): what goes back to the client. */
export const RESPONSE: PdkTable = {
  'kong.response.set_header': ({ request }, name, value) => {
    setResponseHeader(request.responseHeaders, checkHeader(name, value), value);
    return undefined;
  },
  'kong.response.set_headers': ({ request }, headers) => {
    for (const [name, value] of Object.entries(checkHeaders(headers)))
      if (value !== undefined) setResponseHeader(request.responseHeaders, name, value);
    return undefined;
  },
  'kong.response.add_header': ({ request }, name, value) => {
    const checked = checkHeader(name, value);
    for (const item of headerValues(value)) request.responseHeaders.append(checked, item);
    return undefined;
  },
  'kong.response.clear_header': ({ request }, name) => {
    request.responseHeaders.clear(checkString(name, 'header name must be a string'));
    return undefined;
  },
  'kong.response.exit': exit,
};

function exit({ request }: PdkContext, status: LuaValue, body: LuaValue, headers: LuaValue): PdkExit {
  if (typeof status !== 'number') throw new LuaError('code must be a number');
  if (status < 100 || status > 599) throw new LuaError('code must be a number between 100 and 599');
  if (body !== undefined && typeof body !== 'string' && typeof body !== 'object')
    throw new LuaError('body must be a nil, string or table');
  if (headers !== undefined && typeof headers !== 'object')
    throw new LuaError('headers must be a nil or table');
  const table = headers === undefined ? undefined : checkHeaders(headers);
  return new PdkExit(exitAnswer(status, body, table, request.responseHeaders));
}
