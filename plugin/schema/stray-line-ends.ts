import { hasStrayLineEnd } from '../../protocol/line-end';
import type { SchemaField } from './field';
import { givenFields } from './given-fields';

/** The secrets of a configuration that end in a line break, such as `config.secret`. */
export function strayLineEnds(fields: readonly SchemaField[], given: unknown): readonly string[] {
  return givenFields(fields, given)
    .filter(
      ({ rule, value }) => rule.encrypted === true && typeof value === 'string' && hasStrayLineEnd(value),
    )
    .map(({ path }) => path);
}
