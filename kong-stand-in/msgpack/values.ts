import { fromBytes, fromText, isList, toText, type LuaTable, type LuaValue } from '../lib/lua';

/** An unpacked value, as Lua has it: nil for null, texts as their bytes. */
export function fromMsgpack(value: unknown): LuaValue {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string') return fromText(value);
  if (value instanceof Uint8Array) return fromBytes(value);
  if (Array.isArray(value)) return value.map(fromMsgpack);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [fromText(key), fromMsgpack(item)]));
}

/** The value that Kong would pack; members that are nil are not there. */
export function toMsgpack(value: LuaValue): unknown {
  if (typeof value === 'string') return toText(value);
  if (typeof value !== 'object') return value;
  if (isList(value)) return value.map(toMsgpack);
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(members.map(([key, item]) => [toText(key), toMsgpack(item)]));
}

/** `fix_mmap` (kong/runloop/plugin_servers/rpc/mp_rpc.lua): every value a list, `true` an empty one. */
export function multiMap(table: LuaTable): LuaTable {
  return Object.fromEntries(
    Object.entries(table).map(([name, value]): [string, LuaValue] => {
      if (value === true) return [name, []];
      return [name, typeof value === 'string' ? [value] : value];
    }),
  );
}

/** The call that hands a result back to the server, by the PDK function that made it. */
const STEP_METHODS: Readonly<Record<string, string>> = {
  'kong.client.get_credential': 'plugin.StepCredential',
  'kong.client.load_consumer': 'plugin.StepConsumer',
  'kong.client.get_consumer': 'plugin.StepConsumer',
  'kong.client.authenticate': 'plugin.StepCredential',
  'kong.node.get_memory_stats': 'plugin.StepMemoryStats',
  'kong.router.get_route': 'plugin.StepRoute',
  'kong.router.get_service': 'plugin.StepService',
  'kong.request.get_query': 'plugin.StepMultiMap',
  'kong.request.get_headers': 'plugin.StepMultiMap',
  'kong.response.get_headers': 'plugin.StepMultiMap',
  'kong.service.response.get_headers': 'plugin.StepMultiMap',
};

export function stepMethod(pdkMethod: string): string {
  return STEP_METHODS[pdkMethod] ?? 'plugin.Step';
}

/** Whether a PDK function's result is packed as a multimap (`must_fix`). */
export function isMultiMap(pdkMethod: string): boolean {
  return stepMethod(pdkMethod) === 'plugin.StepMultiMap';
}
