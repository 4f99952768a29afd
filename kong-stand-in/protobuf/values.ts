import { fromBytes, isList, LuaError, luaType, toBytes, type LuaTable, type LuaValue } from '../lib/lua';
import type { Fields } from './messages';

/**
 * The arguments of a PDK function, from the message that carries them (kong/runloop/plugin_servers/rpc/pb_rpc.lua
 * `pb_unwrap`). A scalar that was not sent has proto3's default, as lua-protobuf fills it in.
 */
export function unwrap(type: string, message: Fields): LuaValue[] {
  switch (type) {
    case 'Empty':
      return [];
    case 'Value':
      return [fromValue(message)];
    case 'ListValue':
      return fromList(message);
    case 'Struct':
      return [fromStruct(message)];
    case 'Bool':
      return [message['v'] === true];
    case 'Number':
    case 'Int':
      return [Number(message['v'] ?? 0)];
    case 'String':
      return [text(message['v'])];
    case 'KV':
      return [text(message['k']), fromValue(message['v'])];
    case 'ExitArgs':
      return [
        Number(message['status'] ?? 0),
        text(message['body']),
        message['headers'] === undefined ? undefined : fromStruct(message['headers']),
      ];
    case 'ConsumerSpec':
      return [text(message['id']), message['by_username'] === true];
    case 'AuthenticateArgs':
      return [consumer(message['consumer']), credential(message['credential'])];
    default:
      throw new LuaError(`the stand-in gateway does not take ${type} as an argument`);
  }
}

/** A message that was not sent is nil; its fields that were not sent have proto3's defaults. */
function consumer(message: unknown): LuaTable | undefined {
  if (message === undefined) return undefined;
  const { id, created_at: createdAt, username, custom_id: customId, tags } = message as Fields;
  return {
    ...{ id: text(id), created_at: Number(createdAt ?? 0), username: text(username) },
    custom_id: text(customId),
    tags: ((tags ?? []) as unknown[]).map(text),
  };
}

function credential(message: unknown): LuaTable | undefined {
  if (message === undefined) return undefined;
  const { id, consumer_id: consumerId } = message as Fields;
  return { id: text(id), consumer_id: text(consumerId) };
}

/** The message that carries a PDK function's result (`pb_wrap`), or undefined for an empty frame. */
export function wrap(type: string, result: LuaValue): Fields | undefined {
  switch (type) {
    case 'Empty':
      return undefined;
    case 'Value':
      return toValue(result);
    case 'Struct':
      return toStruct(result as LuaTable);
    case 'Bool':
      return { v: expectType('boolean', result) };
    case 'Int':
    case 'Number':
      return { v: expectType('number', result) };
    case 'String':
      return { v: result === undefined ? undefined : toBytes(expectType('string', result) as string) };
    case 'Route':
    case 'Service':
    case 'Consumer':
    case 'AuthenticatedCredential':
      return result === undefined ? undefined : entity(result as LuaTable);
    default:
      return undefined;
  }
}

/** lua-protobuf raises when a value is not of the field's type. */
function expectType(type: 'boolean' | 'number' | 'string', value: LuaValue): LuaValue {
  if (value === undefined || luaType(value) === type) return value;
  throw new LuaError(`bad argument: ${type} expected for field 'v', got ${luaType(value)}`);
}

/** Note that Kong reads `false` as nil here, and a null by its name. */
function fromValue(value: unknown): LuaValue {
  const v = (value ?? {}) as Fields;
  if (v['list_value'] !== undefined) return fromList(v['list_value']);
  if (v['struct_value'] !== undefined) return fromStruct(v['struct_value']);
  if (v['bool_value'] === true) return true;
  if (v['string_value'] !== undefined) return text(v['string_value']);
  if (v['number_value'] !== undefined) return Number(v['number_value']);
  if (v['null_value'] === undefined) return undefined;
  return v['null_value'] === 0 ? 'NULL_VALUE' : Number(v['null_value']);
}

function fromList(list: unknown): LuaValue[] {
  return (((list as Fields)['values'] ?? []) as unknown[]).map(fromValue);
}

function fromStruct(struct: unknown): LuaTable {
  const entries = ((struct as Fields)['fields'] ?? []) as Fields[];
  return Object.fromEntries(entries.map((entry) => [text(entry['key']), fromValue(entry['value'])]));
}

function toValue(value: LuaValue): Fields {
  if (value === undefined) return { null_value: 1 };
  if (typeof value === 'boolean') return { bool_value: value };
  if (typeof value === 'number') return { number_value: value };
  if (typeof value === 'string') return { string_value: toBytes(value) };
  if (isList(value) && value.length > 0) return { list_value: { values: value.map(toValue) } };
  return { struct_value: toStruct(isList(value) ? {} : value) };
}

function toStruct(table: LuaTable): Fields {
  const entries = Object.entries(table).filter(([, value]) => value !== undefined);
  return { fields: entries.map(([key, value]) => ({ key: toBytes(key), value: toValue(value) })) };
}

/** An entity as it is: texts to bytes, what the message does not have is dropped by its type. */
function entity(table: LuaTable): Fields {
  return Object.fromEntries(
    Object.entries(table).map(([name, value]): [string, unknown] => {
      if (typeof value === 'string') return [name, toBytes(value)];
      if (typeof value !== 'object') return [name, value];
      return [name, isList(value) ? value.map((item) => toBytes(item as string)) : entity(value)];
    }),
  );
}

function text(bytes: unknown): string {
  return bytes === undefined ? '' : fromBytes(bytes as Uint8Array);
}
