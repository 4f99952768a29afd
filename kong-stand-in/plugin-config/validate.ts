import { isReference } from './vault';
import { withDefaults } from './defaults';
import { entityFaults } from './entity-checks';
import { recordFields, type ConfigValue, type FieldSchema } from './field-schema';
import { luaPattern } from './lua-pattern';
import { show } from './show';
import type { ConfigFault } from './fault';

/** Every fault that Kong's validation finds (kong/db/schema/init.lua `validate_field`), in Kong's words. */
export function configFaults(field: FieldSchema, value: ConfigValue, path: string): ConfigFault[] {
  if (value === null) {
    return field.required === true ? [{ path, message: 'required field missing' }] : [];
  }
  const wrongType = typeFault(field, value);
  if (wrongType !== undefined) return [{ path, message: wrongType }];
  if (field.type === 'string' && field.referenceable === true && isReference(value)) return [];
  const inner = innerFaults(field, value, path);
  if (inner.length > 0) return inner;
  const message = valueFault(field, value);
  return message === undefined ? [] : [{ path, message: field.err ?? message }];
}

function typeFault(field: FieldSchema, value: ConfigValue): string | undefined {
  const isTable = typeof value === 'object' && !Array.isArray(value);
  switch (field.type) {
    case 'array':
      return Array.isArray(value) ? undefined : 'expected an array';
    case 'set':
      return Array.isArray(value) ? undefined : 'expected a set';
    case 'map':
      return isTable ? undefined : 'expected a map';
    case 'record':
      return isTable ? undefined : 'expected a record';
    case 'integer':
      return Number.isInteger(value) ? undefined : 'expected an integer';
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === field.type ? undefined : `expected a ${field.type}`;
  }
}

function innerFaults(field: FieldSchema, value: ConfigValue, path: string): ConfigFault[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) {
    const element = { ...field.elements, required: true } as FieldSchema;
    return value.flatMap((item, i) => configFaults(element, item, `${path}[${i}]`));
  }
  // Kong fills a record before it checks it: one in a default list was not filled yet.
  if (field.type === 'record')
    return recordFaults(field, withDefaults(field, value) as Record<string, ConfigValue>, path);
  const keys = { ...field.keys, required: true } as FieldSchema;
  const values = { ...field.values, required: true } as FieldSchema;
  return Object.entries(value).flatMap(([key, item]) => [
    ...configFaults(keys, key, `${path}.${key} (the key)`),
    ...configFaults(values, item, `${path}.${key}`),
  ]);
}

function recordFaults(field: FieldSchema, value: Record<string, ConfigValue>, path: string): ConfigFault[] {
  const fields = recordFields(field);
  const known = new Set(fields.map(([name]) => name));
  const unknown = Object.keys(value).filter((name) => !known.has(name));
  const faults = [
    ...unknown.map((name) => ({ path: `${path}.${name}`, message: 'unknown field' })),
    ...fields.flatMap(([name, inner]) => configFaults(inner, value[name] ?? null, `${path}.${name}`)),
  ];
  return [...faults, ...entityFaults(field, value, path, configFaults)];
}

type Check = (value: ConfigValue, field: FieldSchema) => string | undefined;

/** kong/db/schema/init.lua `validators`, in its order. */
const CHECKS: readonly Check[] = [
  (value, { eq }) => (eq === undefined || value === eq ? undefined : `value must be ${show(eq)}`),
  (value, { ne }) => (ne === undefined || value !== ne ? undefined : `value must not be ${show(value)}`),
  (value, { not_one_of: list }) =>
    list?.includes(value) === true ? `must not be one of: ${list.map(show).join(', ')}` : undefined,
  (value, { one_of: list }) =>
    list === undefined || list.includes(value) ? undefined : `expected one of: ${list.map(show).join(', ')}`,
  (value, { gt }) =>
    gt === undefined || Number(value) > gt ? undefined : `value must be greater than ${gt}`,
  (value, { uuid }) =>
    uuid !== true || /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(show(value))
      ? undefined
      : 'expected a valid UUID',
  (value, { between }) =>
    between === undefined || (Number(value) >= between[0] && Number(value) <= between[1])
      ? undefined
      : `value should be between ${between[0]} and ${between[1]}`,
  (value, { len_eq: length }) =>
    length === undefined || lengthOf(value) === length ? undefined : `length must be ${length}`,
  // An empty string is not accepted unless the schema says so.
  (value, { type, len_min: min = type === 'string' ? 1 : 0 }) =>
    lengthOf(value) >= min ? undefined : `length must be at least ${min}`,
  (value, { len_max: max = Infinity }) =>
    lengthOf(value) <= max ? undefined : `length must be at most ${max}`,
  (value, { starts_with: start }) =>
    start === undefined || show(value).startsWith(start) ? undefined : `should start with: ${start}`,
  (value, { not_match: pattern }) =>
    pattern !== undefined && matches(value, pattern) ? `invalid value: ${show(value)}` : undefined,
  (value, { match_none: list = [] }) => {
    const hit = list.find(({ pattern }) => matches(value, pattern));
    return hit && (hit.err ?? `invalid value: ${show(value)}`);
  },
  (value, { match: pattern }) =>
    pattern === undefined || matches(value, pattern) ? undefined : `invalid value: ${show(value)}`,
  (value, { match_all: list = [] }) => {
    const miss = list.find(({ pattern }) => !matches(value, pattern));
    return miss && (miss.err ?? `invalid value: ${show(value)}`);
  },
  (value, { match_any: any }) =>
    any === undefined || any.patterns.some((pattern) => matches(value, pattern))
      ? undefined
      : (any.err ?? `invalid value: ${show(value)}`),
  (value, { contains }) =>
    contains === undefined || (Array.isArray(value) && value.includes(contains))
      ? undefined
      : `expected to contain: ${show(contains)}`,
];

/** The first value check that fails. */
export function valueFault(field: FieldSchema, value: ConfigValue): string | undefined {
  for (const check of CHECKS) {
    const fault = check(value, field);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function lengthOf(value: ConfigValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (value === null || typeof value !== 'object') return Infinity;
  return Object.keys(value).length;
}

/** By their Lua text: a schema's are few, and tried often. */
const patterns = new Map<string, RegExp>();

function matches(value: ConfigValue, pattern: string): boolean {
  const known = patterns.get(pattern) ?? luaPattern(pattern);
  patterns.set(pattern, known);
  return known.test(show(value));
}
