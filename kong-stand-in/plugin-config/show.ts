import type { ConfigValue } from './field-schema';

/** A value as a message or a pattern sees it. */
export function show(value: ConfigValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
