import type { ConfigValue } from './field-schema';

/**
 * A configuration as a plugin server gets it. A field that nobody gave and that has no default is not there at all
 * (kong/db/schema/init.lua `process_auto_fields`, in the context `select` without nulls).
 */
export function withoutNulls(value: ConfigValue): ConfigValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withoutNulls);
  const given = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(given.map(([name, item]) => [name, withoutNulls(item)]));
}
