import { isReference } from './vault';
import { recordFields, type ConfigValue, type FieldSchema } from './field-schema';
import { show } from './show';
import type { ConfigFault } from './fault';

type ConfigRecord = Record<string, ConfigValue>;

/** Finds the faults of a field's value. */
export type FindFaults = (field: FieldSchema, value: ConfigValue, path: string) => ConfigFault[];

/**
 * The checks over several fields of a record (kong/db/schema/init.lua `entity_checkers`). A check that looks at an
 * unresolved reference is not run, as in Kong.
 */
export function entityFaults(
  field: FieldSchema,
  value: ConfigRecord,
  path: string,
  find: FindFaults,
): ConfigFault[] {
  return (field.entity_checks ?? []).flatMap((check) =>
    Object.entries(check).flatMap(([name, arg]) => {
      if (touchesReference(field, value, arg)) return [];
      const message = run(name, arg, field, value, find);
      return message === undefined ? [] : [{ path, message }];
    }),
  );
}

function run(
  name: string,
  arg: unknown,
  field: FieldSchema,
  value: ConfigRecord,
  find: FindFaults,
): string | undefined {
  if (name === 'conditional') return conditional(arg as Conditional, field, value, find);
  if (name === 'conditional_at_least_one_of')
    return conditionalAtLeastOneOf(arg as ConditionalAtLeastOneOf, field, value, find);
  const names = arg as string[];
  const filled = names.filter((item) => isNonEmpty(lookUp(value, item)));
  const list = names.map((item) => `'${item}'`).join(', ');
  switch (name) {
    case 'at_least_one_of':
      return filled.length > 0 ? undefined : `at least one of these fields must be non-empty: ${list}`;
    case 'only_one_of':
      return filled.length === 1 ? undefined : `exactly one of these fields must be non-empty: ${list}`;
    case 'mutually_required':
      return filled.length === 0 || filled.length === names.length
        ? undefined
        : `all or none of these fields must be set: ${list}`;
    case 'mutually_exclusive':
      return filled.length <= 1 ? undefined : `only one or none of these fields must be set: ${list}`;
    case 'distinct':
      return new Set(filled.map((item) => lookUp(value, item))).size === filled.length
        ? undefined
        : `values of these fields must be distinct: ${list}`;
    default:
      return `the stand-in gateway does not have the entity check "${name}"`;
  }
}

interface Conditional {
  readonly if_field: string;
  readonly if_match: Partial<FieldSchema>;
  readonly then_field: string;
  readonly then_match: Partial<FieldSchema>;
  readonly then_err?: string;
}

function conditional(
  check: Conditional,
  field: FieldSchema,
  value: ConfigRecord,
  find: FindFaults,
): string | undefined {
  if (faultsOf(check.if_field, check.if_match).length > 0) return undefined;
  if (faultsOf(check.then_field, check.then_match).length === 0) return undefined;
  return check.then_err ?? `failed conditional validation given value of field '${check.if_field}'`;

  function faultsOf(name: string, match: Partial<FieldSchema>): ConfigFault[] {
    const inner = schemaOf(field, name);
    if (inner === undefined) return [{ path: name, message: 'unknown field' }];
    const item = lookUp(value, name) ?? null;
    if (item === null && match.eq !== undefined && match.eq !== null)
      return [{ path: name, message: `value must be ${show(match.eq)}` }];
    return find({ ...inner, ...match }, item, name);
  }
}

interface ConditionalAtLeastOneOf {
  readonly if_field: string;
  readonly if_match: Partial<FieldSchema>;
  readonly then_at_least_one_of: readonly string[];
  readonly then_err?: string;
}

function conditionalAtLeastOneOf(
  check: ConditionalAtLeastOneOf,
  field: FieldSchema,
  value: ConfigRecord,
  find: FindFaults,
): string | undefined {
  const inner = schemaOf(field, check.if_field);
  const item = lookUp(value, check.if_field) ?? null;
  if (inner === undefined || item === null) return undefined;
  if (find({ ...inner, ...check.if_match }, item, check.if_field).length > 0) return undefined;
  if (check.then_at_least_one_of.some((name) => isNonEmpty(lookUp(value, name)))) return undefined;
  const list = check.then_at_least_one_of.map((name) => `'${name}'`).join(', ');
  return check.then_err?.replace('%s', list) ?? `at least one of these fields must be non-empty: ${list}`;
}

function touchesReference(field: FieldSchema, value: ConfigRecord, arg: unknown): boolean {
  const named = (Array.isArray(arg) ? arg : Object.values(arg as object)).flat();
  return named.some(
    (name) =>
      typeof name === 'string' &&
      schemaOf(field, name)?.referenceable === true &&
      isReference(lookUp(value, name)),
  );
}

/** A field by its dotted name. */
function lookUp(value: ConfigRecord, name: string): ConfigValue | undefined {
  return name
    .split('.')
    .reduce<ConfigValue | undefined>(
      (inner, step) =>
        inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? inner[step] : undefined,
      value,
    );
}

function schemaOf(field: FieldSchema, name: string): FieldSchema | undefined {
  return name
    .split('.')
    .reduce<FieldSchema | undefined>(
      (inner, step) => inner && recordFields(inner).find(([other]) => other === step)?.[1],
      field,
    );
}

function isNonEmpty(value: ConfigValue | undefined): boolean {
  if (value === undefined || value === null || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
