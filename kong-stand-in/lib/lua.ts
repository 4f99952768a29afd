/**
 * A value as it is inside Kong. Strings are byte strings: one character (U+0000 to U+00FF) a byte, as Node's HTTP parser
 * hands headers over too. So nothing is decoded and encoded again on the way.
 */
export type LuaValue = undefined | boolean | number | string | readonly LuaValue[] | LuaTable;

/** A table with string keys. */
export interface LuaTable {
  readonly [key: string]: LuaValue;
}

/** An error that Kong's Lua raises with `error` or `assert`. A plugin phase that raises is answered with 500. */
export class LuaError extends Error {
  override readonly name = 'LuaError';
}

/** `type(value)`. */
export function luaType(value: LuaValue): 'nil' | 'boolean' | 'number' | 'string' | 'table' {
  if (value === undefined) return 'nil';
  if (typeof value === 'object') return 'table';
  return typeof value as 'boolean' | 'number' | 'string';
}

/** `tostring(value)`: numbers as `%.14g` prints them. */
export function luaToString(value: LuaValue): string {
  if (value === undefined) return 'nil';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'object') return 'table';
  return String(Number(value.toPrecision(14))).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The items that `ipairs(value)` walks: a list up to its first nil, nothing for other tables. */
export function ipairs(value: readonly LuaValue[] | LuaTable): readonly LuaValue[] {
  if (!isList(value)) return [];
  const end = value.indexOf(undefined);
  return end === -1 ? value : value.slice(0, end);
}

/** Whether a table is a list, as `v[1] ~= nil` says. */
export function isList(value: readonly LuaValue[] | LuaTable): value is readonly LuaValue[] {
  return Array.isArray(value);
}

/** A byte string from bytes. */
export function fromBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The bytes of a byte string. */
export function toBytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A byte string from Unicode text (its UTF-8). */
export function fromText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Unicode text from a byte string; what is not UTF-8 becomes U+FFFD. */
export function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
