import { LuaError, ipairs, luaType, type LuaTable, type LuaValue } from '../lib/lua';

/** kong/pdk/private/checks.lua `validate_header`. */
export function checkHeader(name: LuaValue, value: LuaValue): string {
  if (typeof name !== 'string')
    throw new LuaError(`invalid header name: got ${luaType(name)}, expected string`);
  if (value === undefined)
    throw new LuaError(
      `invalid header value for "${name}": got nil, expected array of string, string, number or boolean`,
    );
  if (typeof value !== 'object') return name;
  const wrong = ipairs(value).find((item) => typeof item !== 'string');
  if (wrong !== undefined)
    throw new LuaError(`invalid header value in array "${name}": got ${luaType(wrong)}, expected string`);
  return name;
}

/** kong/pdk/private/checks.lua `validate_headers`: all are checked before one is set. */
export function checkHeaders(headers: LuaValue): LuaTable {
  const table = checkTable(headers, 'headers must be a table');
  for (const [name, value] of Object.entries(table)) if (value !== undefined) checkHeader(name, value);
  return table;
}

/** A table with string keys; an empty list is one too, as Lua does not tell them apart. */
export function checkTable(value: LuaValue, message: string): LuaTable {
  if (typeof value !== 'object') throw new LuaError(message);
  if (!Array.isArray(value)) return value as LuaTable;
  if (value.length === 0) return {};
  throw new LuaError(`${message} with string keys`);
}

export function checkString(value: LuaValue, message: string): string {
  if (typeof value !== 'string') throw new LuaError(message);
  return value;
}

/** The limit of `get_headers` and `get_query`: 100 by default (lua-nginx-module), else 1 to 1000 (Kong). */
export function checkMax(value: LuaValue, name: string): number {
  if (value === undefined) return 100;
  if (typeof value !== 'number') throw new LuaError(`${name} must be a number`);
  if (value < 1) throw new LuaError(`${name} must be >= 1`);
  if (value > 1000) throw new LuaError(`${name} must be <= 1000`);
  return value;
}
