import type { FieldRule, SchemaField } from './field';
import { ConfigError } from './config-error';

/**
 * A configuration as Kong would hand it over: what is not given has its default, or is null.
 * @throws ConfigError for a field that the schema does not have, as Kong refuses it
 */
export function withDefaults(
  fields: readonly SchemaField[],
  given: Readonly<Record<string, unknown>>,
  path = 'config',
): Record<string, unknown> {
  const rules = fields.flatMap((field) => Object.entries(field));
  const known = new Set(rules.map(([name]) => name));
  const unknown = Object.keys(given).find((name) => !known.has(name));
  if (unknown !== undefined) throw new ConfigError(`${path}.${unknown}: expected a field of the schema`);
  return Object.fromEntries(
    rules.map(([name, rule]) => [name, filled(rule, given[name], `${path}.${name}`)] as const),
  );
}

function filled(rule: FieldRule, given: unknown, path: string): unknown {
  const isRequiredRecord = rule.type === 'record' && rule.required === true;
  // A null is given: Kong fills in nothing for it.
  const value = given === undefined ? (rule.default ?? (isRequiredRecord ? {} : null)) : given;
  const { fields, elements, values } = rule;
  if (fields !== undefined && isTable(value)) return withDefaults(fields, value, path);
  if (elements !== undefined && Array.isArray(value)) {
    return value.map((item: unknown, index) => filled(elements, item, `${path}[${index}]`));
  }
  if (values !== undefined && isTable(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, filled(values, item, `${path}.${key}`)]),
    );
  }
  return value;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
