import { kindOf, quoted } from '../../protocol/quoted';
import type { FieldRule, SchemaField } from './field';

/**
 * The faults that Kong would find in a configuration that has its defaults. Kong checks every value's type and bounds
 * (kong/db/schema/init.lua `validate_field`). Its patterns and its checks over several fields say less than
 * `parseConfig` does, which comes next. A vault reference is not looked into.
 * @returns one text for each fault, which names the field, what was expected, and what it is; of a text or a secret only its kind
 */
export function schemaFaults(
  fields: readonly SchemaField[],
  given: Readonly<Record<string, unknown>>,
  path = 'config',
): readonly string[] {
  return fields
    .flatMap((field) => Object.entries(field))
    .flatMap(([name, rule]) => faults(rule, given[name] ?? null, `${path}.${name}`));
}

function faults(rule: FieldRule, value: unknown, path: string): readonly string[] {
  if (value === null) return rule.required === true ? [`${path}: required`] : [];
  if (!isOfType(rule, value))
    return [`${path}: expected ${TYPE_NAMES[rule.type]}, got ${shown(rule, value)}`];
  if (rule.referenceable === true && typeof value === 'string' && value.startsWith('{vault://')) return [];
  const inside = innerFaults(rule, value, path);
  if (inside.length > 0) return inside;
  const expected = boundFault(rule, value);
  return expected === undefined ? [] : [`${path}: expected ${expected}`];
}

/** A secret's type may be wrong as well: a password of digits, without quotes in YAML, is a number. */
function shown({ encrypted, referenceable }: FieldRule, value: unknown): string {
  const isSecret = encrypted === true || referenceable === true || typeof value === 'string';
  return isSecret ? kindOf(value) : quoted(value);
}

const TYPE_NAMES: Readonly<Record<FieldRule['type'], string>> = {
  string: 'text',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  map: 'a map',
  record: 'a record',
};

function isOfType({ type }: FieldRule, value: unknown): boolean {
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'map':
    case 'record':
      return typeof value === 'object' && !Array.isArray(value);
  }
}

function innerFaults(rule: FieldRule, value: unknown, path: string): readonly string[] {
  const { elements, values, keys, fields } = rule;
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => inner(elements, item, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  if (fields !== undefined) return schemaFaults(fields, value as Record<string, unknown>, path);
  return Object.entries(value).flatMap(([key, item]) => [
    ...inner(keys, key, `${path}.${key} (the key)`),
    ...inner(values, item, `${path}.${key}`),
  ]);
}

/** An element, a key or a value is never absent. */
function inner(rule: FieldRule | undefined, item: unknown, path: string): readonly string[] {
  return rule === undefined ? [] : faults({ ...rule, required: true }, item ?? null, path);
}

/** The bound that a value of the right type does not keep, in words. */
function boundFault(rule: FieldRule, value: unknown): string | undefined {
  const { type, one_of: choices, between, len_min: least, len_max: most = Infinity } = rule;
  if (choices !== undefined && !choices.includes(String(value)))
    return `one of ${choices.join(', ')}, got ${quoted(value)}`;
  if (between !== undefined && (Number(value) < between[0] || Number(value) > between[1])) {
    return `a number from ${between[0]} to ${between[1]}, got ${quoted(value)}`;
  }
  // Kong takes no empty text unless the schema says so.
  const minimum = least ?? (type === 'string' ? 1 : 0);
  const length = typeof value === 'string' ? Buffer.byteLength(value) : (value as { length?: number }).length;
  if (length !== undefined && length > most)
    return `at most ${most} ${type === 'string' ? 'bytes' : 'elements'}, got ${length}`;
  if (length === undefined || length >= minimum) return undefined;
  if (type !== 'string') return `at least ${minimum} element, got ${length}`;
  return minimum === 1 ? 'text that is not empty' : `at least ${minimum} bytes, got ${length}`;
}
