import { z } from 'zod';

/** A plugin's configuration as JSON has it. */
export type ConfigValue = null | boolean | number | string | ConfigValue[] | { [name: string]: ConfigValue };

/** A named field of a record: an object with one member. */
export type NamedField = Readonly<Record<string, FieldSchema>>;

/** A field of a Kong schema (kong/db/schema/metaschema.lua), as far as an exported plugin schema can say. */
export interface FieldSchema {
  readonly type: 'array' | 'set' | 'string' | 'number' | 'boolean' | 'integer' | 'map' | 'record';
  readonly required?: boolean;
  readonly default?: ConfigValue;
  readonly description?: string;
  readonly referenceable?: boolean;
  readonly encrypted?: boolean;
  readonly err?: string;
  readonly eq?: ConfigValue;
  readonly ne?: ConfigValue;
  readonly gt?: number;
  readonly between?: readonly [number, number];
  readonly len_eq?: number;
  readonly len_min?: number;
  readonly len_max?: number;
  readonly match?: string;
  readonly not_match?: string;
  readonly match_all?: readonly { pattern: string; err?: string }[];
  readonly match_none?: readonly { pattern: string; err?: string }[];
  readonly match_any?: { patterns: readonly string[]; err?: string };
  readonly starts_with?: string;
  readonly one_of?: readonly ConfigValue[];
  readonly not_one_of?: readonly ConfigValue[];
  readonly contains?: ConfigValue;
  readonly uuid?: boolean;
  readonly is_regex?: boolean;
  readonly elements?: FieldSchema;
  readonly keys?: FieldSchema;
  readonly values?: FieldSchema;
  readonly fields?: readonly NamedField[];
  /** Kong warns of it where the field is written. */
  readonly deprecation?: { readonly message: string; readonly removal_in_version: string } | undefined;
  readonly entity_checks?: readonly EntityCheck[];
}

/** A check over several fields of a record, one member each. */
export type EntityCheck = Readonly<Record<string, unknown>>;

const patterns = z.array(z.strictObject({ pattern: z.string(), err: z.string().optional() }));
const any = z.json();

const fieldSchema: z.ZodType<FieldSchema> = z.lazy(() =>
  z
    .strictObject({
      type: z.enum(['array', 'set', 'string', 'number', 'boolean', 'integer', 'map', 'record']),
      required: z.boolean().optional(),
      default: any.optional(),
      description: z.string().min(10).max(500).optional(),
      referenceable: z.boolean().optional(),
      encrypted: z.boolean().optional(),
      err: z.string().optional(),
      eq: any.optional(),
      ne: any.optional(),
      gt: z.number().optional(),
      between: z.tuple([z.number(), z.number()]).optional(),
      len_eq: z.int().optional(),
      len_min: z.int().optional(),
      len_max: z.int().optional(),
      match: z.string().optional(),
      not_match: z.string().optional(),
      match_all: patterns.optional(),
      match_none: patterns.optional(),
      match_any: z.strictObject({ patterns: z.array(z.string()), err: z.string().optional() }).optional(),
      starts_with: z.string().optional(),
      one_of: z.array(any).optional(),
      not_one_of: z.array(any).optional(),
      contains: any.optional(),
      uuid: z.boolean().optional(),
      is_regex: z.boolean().optional(),
      elements: fieldSchema.optional(),
      keys: fieldSchema.optional(),
      values: fieldSchema.optional(),
      fields: z.array(namedField).optional(),
      deprecation: z.strictObject({ message: z.string(), removal_in_version: z.string() }).optional(),
      entity_checks: z.array(z.record(z.string(), z.unknown())).optional(),
    })
    .refine((field) => field.type !== 'record' || field.fields !== undefined, 'a record needs "fields"')
    .refine(
      (field) => !['array', 'set'].includes(field.type) || field.elements !== undefined,
      'an array or set needs "elements"',
    )
    .refine(
      (field) => field.type !== 'map' || (field.keys !== undefined && field.values !== undefined),
      'a map needs "keys" and "values"',
    ),
) as z.ZodType<FieldSchema>;

const namedField = z
  .record(z.string(), fieldSchema)
  .refine((entry) => Object.keys(entry).length === 1, 'a field is an object with one member');

/** Says what Kong's schema of schemas would refuse, or returns undefined when it would take the schema. */
export function schemaFault(field: unknown): string | undefined {
  const result = fieldSchema.safeParse(field);
  return result.success ? undefined : z.prettifyError(result.error);
}

/** The fields of a record by name. */
export function recordFields(field: FieldSchema): [name: string, field: FieldSchema][] {
  return (field.fields ?? []).flatMap((named) => Object.entries(named));
}
