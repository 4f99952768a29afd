import { createHash } from 'node:crypto';

/** The workspace `default` of a DB-less Kong. */
export const DEFAULT_WORKSPACE_ID = '0dc6f45b-8f8d-40d2-a504-473544ee190b';

/** Namespace of Kong's generated ids (kong/db/schema/others/declarative_config.lua). */
const ENTITIES_NAMESPACE = 'fd02801f-0957-4a15-a55a-c8d9606f30b5';

/** The id that Kong gives to a named entity of a declarative configuration. */
export function entityId(kind: 'services' | 'routes' | 'consumers', name: string): string {
  return uuidV5(uuidV5(ENTITIES_NAMESPACE, kind), name);
}

/** The id that Kong gives to a plugin of a declarative configuration. */
export function pluginId(name: string, routeId: string | undefined, serviceId: string | undefined): string {
  const key = ['plugins', '*', name, routeId ?? '', serviceId ?? '', ''].join(':');
  return uuidV5(uuidV5(ENTITIES_NAMESPACE, 'plugins'), key);
}

/** `kong.db.plugins:cache_key`, which a plugin gets as `__key__`. */
export function pluginKey(name: string, routeId: string | undefined, serviceId: string | undefined): string {
  return ['plugins', name, routeId ?? '', serviceId ?? '', '', '', DEFAULT_WORKSPACE_ID].join(':');
}

/** RFC 9562 §5.5. */
function uuidV5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
    .subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
