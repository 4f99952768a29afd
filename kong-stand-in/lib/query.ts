import { LuaError, isList, luaToString, type LuaTable, type LuaValue } from './lua';

/**
 * `ngx.req.get_uri_args(max)` (lua-nginx-module, `ngx_http_lua_parse_args`): a name without `=` is `true`, a
 * repeated one a list, an empty one is dropped. Byte strings.
 */
export function parseQuery(query: string, maxArgs: number): LuaTable {
  const table = new Map<string, LuaValue>();
  if (query === '') return {};
  for (const pair of query.split('&').slice(0, maxArgs)) {
    const mark = pair.indexOf('=');
    const name = unescape(mark === -1 ? pair : pair.slice(0, mark));
    if (name === '') continue;
    const value = mark === -1 ? true : unescape(pair.slice(mark + 1));
    const before = table.get(name);
    table.set(name, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(table);
}

/** kong/pdk/service/request.lua `make_ordered_args`: sorted by what each name becomes. */
export function encodeQuery(args: LuaTable): string {
  return Object.entries(args)
    .map(([name, value]) => encodeArg(name, value))
    .sort()
    .join('&');
}

function encodeArg(name: string, value: LuaValue): string {
  if (value === undefined || value === false) return '';
  if (value === true) return escapeComponent(name);
  if (typeof value !== 'object') return `${escapeComponent(name)}=${escapeComponent(luaToString(value))}`;
  if (!isList(value)) throw new LuaError(`attempt to use table as query arg value`);
  return value
    .map((item) => encodeArg(name, item))
    .filter((item) => item !== '')
    .join('&');
}

function escapeComponent(text: string): string {
  return text.replace(
    /[^A-Za-z\d\-_.~!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function unescape(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
