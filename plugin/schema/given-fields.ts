import type { FieldRule, SchemaField } from './field';

/** A field that a configuration gives. */
export interface GivenField {
  /** Such as `config.rate_limits[0].window_seconds`. */
  readonly path: string;
  readonly rule: FieldRule;
  readonly value: unknown;
}

/** The fields that a configuration gives, those of its records among them, however deep. */
export function givenFields(
  fields: readonly SchemaField[],
  given: unknown,
  path = 'config',
): readonly GivenField[] {
  if (typeof given !== 'object' || given === null) return [];
  const values = given as Readonly<Record<string, unknown>>;
  return fields
    .flatMap((field) => Object.entries(field))
    .flatMap(([name, rule]) => fieldsIn(rule, values[name], `${path}.${name}`));
}

function fieldsIn(rule: FieldRule, value: unknown, path: string): readonly GivenField[] {
  if (value === null || value === undefined) return [];
  const { fields, elements, values } = rule;
  const own = { path, rule, value };
  if (fields !== undefined) return [own, ...givenFields(fields, value, path)];
  if (elements?.fields !== undefined && Array.isArray(value))
    return [own, ...value.flatMap((item: unknown, at) => fieldsIn(elements, item, `${path}[${at}]`))];
  if (values?.fields !== undefined && typeof value === 'object')
    return [own, ...Object.entries(value).flatMap(([key, item]) => fieldsIn(values, item, `${path}.${key}`))];
  return [own];
}
