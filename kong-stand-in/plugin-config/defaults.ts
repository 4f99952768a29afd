import { recordFields, type ConfigValue, type FieldSchema } from './field-schema';

/**
 * Fills what is missing as Kong does (kong/db/schema/init.lua `process_auto_fields`): defaults, the fields of required records, null
 * for every other optional; duplicates in sets go. A default is filled in itself only where it is a required record's
 * (`withRequiredRecords` says which are).
 */
export function withDefaults(field: FieldSchema, value: ConfigValue | undefined): ConfigValue {
  const isRequiredRecord = field.type === 'record' && field.required === true;
  const filled =
    value === undefined ? structuredClone(field.default ?? (isRequiredRecord ? {} : null)) : value;
  if (filled === null || typeof filled !== 'object') return filled;
  if (value === undefined && !isRequiredRecord) return filled;
  switch (field.type) {
    case 'record':
      return Array.isArray(filled) ? filled : record(field, filled);
    case 'map':
      return Array.isArray(filled) ? filled : map(field, filled);
    case 'array':
      return Array.isArray(filled) ? elements(field, filled) : filled;
    case 'set':
      return Array.isArray(filled) ? [...new Set(elements(field, filled))] : filled;
    default:
      return filled;
  }
}

function record(field: FieldSchema, value: Record<string, ConfigValue>): ConfigValue {
  const known = recordFields(field).map(([name, inner]): [string, ConfigValue] => [
    name,
    withDefaults(inner, value[name]),
  ]);
  return { ...value, ...Object.fromEntries(known) };
}

function map(field: FieldSchema, value: Record<string, ConfigValue>): ConfigValue {
  const { values } = field;
  if (values === undefined) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withDefaults(values, item)]));
}

function elements(field: FieldSchema, value: ConfigValue[]): ConfigValue[] {
  const { elements: inner } = field;
  return inner === undefined ? value : value.map((item) => withDefaults(inner, item));
}
