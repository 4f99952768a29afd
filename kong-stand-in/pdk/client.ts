import { fromText, LuaError, toText, type LuaTable, type LuaValue } from '../lib/lua';
import type { Consumer } from '../declarative/entities';
import type { PdkContext, PdkTable } from './call';
import { withoutNulls } from './entity';

/** `kong.client` (kong/pdk/client.lua). No address is trusted (`trusted_ips`). */
export const CLIENT: PdkTable = {
  'kong.client.get_ip': ({ request }) => request.clientAddress,
  'kong.client.get_forwarded_ip': ({ request }) => request.clientAddress,
  'kong.client.get_port': ({ request }) => request.clientPort,
  'kong.client.get_forwarded_port': ({ request }) => request.clientPort,
  'kong.client.get_consumer': ({ request }) => request.consumer,
  'kong.client.get_credential': ({ request }) => request.credential,
  'kong.client.load_consumer': loadConsumer,
  'kong.client.authenticate': ({ request }, consumer, credential) => {
    const table = tableOrNil(consumer, 'consumer must be a table or nil');
    const other = tableOrNil(credential, 'credential must be a table or nil');
    if (table === undefined && other === undefined)
      throw new LuaError('either credential or consumer must be provided');
    request.consumer = table;
    request.credential = other;
    return undefined;
  },
};

/** kong/tools/uuid.lua `is_valid_uuid`. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** By id first; by username where that finds nothing and it was asked for. */
function loadConsumer({ request }: PdkContext, wanted: LuaValue, byUsername: LuaValue): LuaValue {
  if (typeof wanted !== 'string') throw new LuaError('consumer_id must be a string');
  const isUuid = UUID.test(wanted);
  if (!isUuid && byUsername !== true)
    throw new LuaError('cannot load a consumer with an id that is not a uuid');
  const name = toText(wanted);
  const { consumers } = request;
  const byId = isUuid ? consumers.find(({ id }) => id === name) : undefined;
  if (byId !== undefined) return handedOut(byId);
  const named = byUsername === true && consumers.find(({ username }) => username === name);
  return named ? handedOut(named) : undefined;
}

function handedOut({ username, custom_id: customId, tags, ...rest }: Consumer): LuaTable {
  const [name, custom] = [username, customId].map((text) => (text === null ? null : fromText(text)));
  return withoutNulls({ ...rest, username: name, custom_id: custom, tags: tags?.map(fromText) ?? null });
}

function tableOrNil(value: LuaValue, message: string): LuaTable | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object') throw new LuaError(message);
  return value as LuaTable;
}
