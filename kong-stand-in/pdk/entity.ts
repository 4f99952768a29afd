import type { LuaTable, LuaValue } from '../lib/lua';

/** An entity as the PDK hands it out. */
export function withoutNulls(entity: object): LuaTable {
  const members = Object.entries(entity) as [string, LuaValue | null][];
  return Object.fromEntries(members.filter((member): member is [string, LuaValue] => member[1] !== null));
}
