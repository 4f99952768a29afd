import { isReference, type ResolveReference } from './vault';
import { recordFields, type ConfigValue, type FieldSchema } from './field-schema';

/** Replaces references by their secrets, in strings whose schema says `referenceable` and nowhere else. */
export function withSecrets(field: FieldSchema, value: ConfigValue, resolve: ResolveReference): ConfigValue {
  if (value === null) return null;
  if (field.type === 'string')
    return field.referenceable === true && isReference(value) ? resolve(value) : value;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const { elements } = field;
    return elements === undefined ? value : value.map((item) => withSecrets(elements, item, resolve));
  }
  const fields = new Map(recordFields(field));
  const entries = Object.entries(value).map(([name, item]): [string, ConfigValue] => {
    const inner = field.type === 'map' ? field.values : fields.get(name);
    return [name, inner === undefined ? item : withSecrets(inner, item, resolve)];
  });
  return Object.fromEntries(entries);
}
