/** A Lua pattern, and what is said of a value that it refuses. */
export interface Pattern {
  readonly pattern: string;
  readonly err: string;
}

/** A check over several fields of a record (kong/db/schema/init.lua `entity_checkers`), with the check's name as its only key. */
export type EntityCheck = Readonly<Record<string, unknown>>;

/** A field's rules in Kong's schema language (kong/db/schema/init.lua), the subset used here. */
export interface FieldRule {
  readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'map' | 'record';
  /** 10 to 500 characters, required by Kong's schema linter. */
  readonly description?: string;
  /** Kong takes a record straight within a record for required when it does not say (kong/db/schema/entity.lua). */
  readonly required?: boolean;
  readonly default?: unknown;
  /** The value may be a vault reference (`{vault://env/…}`), resolved by Kong. */
  readonly referenceable?: boolean;
  /** Kept encrypted by editions of Kong that can. */
  readonly encrypted?: boolean;
  readonly one_of?: readonly string[];
  readonly between?: readonly [number, number];
  readonly len_min?: number;
  readonly len_max?: number;
  /** A Lua pattern. */
  readonly match?: string;
  readonly match_any?: { readonly patterns: readonly string[]; readonly err: string };
  readonly match_none?: readonly Pattern[];
  /** Said in place of Kong's own words for a value that fails. */
  readonly err?: string;
  readonly elements?: FieldRule;
  readonly keys?: FieldRule;
  readonly values?: FieldRule;
  readonly fields?: readonly SchemaField[];
  /** An earlier name of another field: Kong warns of it where it is written. */
  readonly deprecation?: { readonly message: string; readonly removal_in_version: string };
  /** Over several fields of a record. */
  readonly entity_checks?: readonly EntityCheck[];
}

/** One field: a record with the field's name as its only key, as Kong writes them. */
export type SchemaField = Readonly<Record<string, FieldRule>>;

/** A claim by its name or path. */
export const claimPath = (description: string, path: readonly string[]): FieldRule => ({
  type: 'array',
  elements: { type: 'string', len_min: 1 },
  len_min: 1,
  required: true,
  default: path,
  description: `${description} Several elements are the path to a nested claim.`,
});
