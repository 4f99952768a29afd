import { Name, Version } from '../index';
import { pluginSchema } from './plugin-info';

/**
 * The plugin's schema as the `schema.lua` of a Kong that has no plugin server to ask: a control plane. Where one is to be found in
 * Lua, Kong asks no plugin server for it (kong/db/schema/plugin_loader.lua).
 */
export function luaSchema(): string {
  return `-- The configuration of ${Name} ${Version}, as \`${Name} --plugin-info\` describes it. Made by \`${Name} --lua-schema\`.\nreturn ${literal(pluginSchema(), '')}\n`;
}

/** A value of JSON in Lua 5.1. */
function literal(value: unknown, indent: string): string {
  switch (typeof value) {
    case 'string':
      return text(value);
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      // As Kong decodes a null of JSON.
      return value === null ? 'ngx.null' : table(value, indent);
    default:
      throw new TypeError(`expected a value that JSON has, got ${typeof value}`);
  }
}

function table(value: object, indent: string): string {
  const inner = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item: unknown) => literal(item, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `[${text(key)}] = ${literal(item, inner)}`);
  if (items.length === 0) return '{}';
  return `{\n${items.map((item) => `${inner}${item},\n`).join('')}${indent}}`;
}

/** Its bytes, those that may not stand in a literal as `\ddd`. */
function text(value: string): string {
  const bytes = Array.from(Buffer.from(value), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c
      ? `\\${String(byte).padStart(3, '0')}`
      : String.fromCharCode(byte),
  );
  return `"${bytes.join('')}"`;
}
