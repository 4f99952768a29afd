import type { FieldRule, SchemaField } from './field';

/** A field that was given by its earlier name. */
export interface EarlierName {
  /** Such as `config.rate_limits[0].window_seconds`. */
  readonly field: string;
  /** Its name by now, in words. */
  readonly message: string;
}

/** The fields of a configuration that have another name by now. Kong warns of them too, where a configuration is written. */
export function earlierNames(
  fields: readonly SchemaField[],
  given: unknown,
  path = 'config',
): readonly EarlierName[] {
  if (typeof given !== 'object' || given === null) return [];
  const values = given as Readonly<Record<string, unknown>>;
  return fields
    .flatMap((field) => Object.entries(field))
    .flatMap(([name, rule]) => namesIn(rule, values[name], `${path}.${name}`));
}

function namesIn(rule: FieldRule, value: unknown, path: string): readonly EarlierName[] {
  if (value === null || value === undefined) return [];
  const { deprecation, fields, elements, values } = rule;
  if (deprecation !== undefined) return [{ field: path, message: deprecation.message }];
  if (fields !== undefined) return earlierNames(fields, value, path);
  if (elements?.fields !== undefined && Array.isArray(value))
    return value.flatMap((item: unknown, at) => namesIn(elements, item, `${path}[${at}]`));
  if (values?.fields !== undefined && typeof value === 'object')
    return Object.entries(value).flatMap(([key, item]) => namesIn(values, item, `${path}.${key}`));
  return [];
}
