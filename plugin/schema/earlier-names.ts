import type { SchemaField } from './field';
import { givenFields } from './given-fields';

/** A field that was given by its earlier name. */
export interface EarlierName {
  /** Such as `config.rate_limits[0].window_seconds`. */
  readonly field: string;
  /** Its name by now, in words. */
  readonly message: string;
}

/** The fields of a configuration that have another name by now. Kong warns of them too, where a configuration is written. */
export function earlierNames(fields: readonly SchemaField[], given: unknown): readonly EarlierName[] {
  return givenFields(fields, given).flatMap(({ path, rule: { deprecation } }) =>
    deprecation === undefined ? [] : [{ field: path, message: deprecation.message }],
  );
}
