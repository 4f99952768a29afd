/** One environment variable: how it is read, and what `--help` says of it. */
export interface SettingRow {
  readonly name: string;
  /** Its default as `--help` shows it; undefined when there is none. */
  readonly default: string | undefined;
  readonly unit: string | undefined;
  readonly description: string;
}

/** A {@link SettingRow} and how its value is read. */
export interface Row<T, Default extends string | undefined = string | undefined> extends SettingRow {
  readonly default: Default;
  /** The values that it may have, for the error message. */
  readonly expected: string;
  /** Why a value cannot be used, where there is more to say than what was expected. */
  readonly faultOf?: (text: string) => string | undefined;
  /** Nothing of its value is shown, because it is a secret or may hold one. */
  readonly isSecret?: boolean;
  /** Undefined when the text is not what was expected. */
  readonly read: (text: string) => T | undefined;
}

/** The longest that a timer of Node takes, in milliseconds. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** A variable that is read in its own way. */
export function row<T, Default extends string | undefined>(
  name: string,
  fallback: Default,
  expected: string,
  read: (text: string) => T | undefined,
  more: Pick<Row<T>, 'description' | 'faultOf' | 'isSecret'> & { unit?: string },
): Row<T, Default> {
  const { unit, ...rest } = more;
  return { name, default: fallback, expected, read, unit, ...rest };
}

/** Any text. */
export function text(name: string, fallback: string, description: string): Row<string, string> {
  return row(name, fallback, 'text', (value) => value, { description });
}

/** Any text, with no default. */
export function optionalText(name: string, description: string): Row<string, undefined> {
  return row(name, undefined, 'text', (value) => value, { description });
}

/** A whole number within bounds, both included. */
export function integer(
  name: string,
  fallback: number,
  [min, max]: readonly [number, number],
  unit: string | undefined,
  description: string,
): Row<number, string> {
  const read = (value: string): number | undefined => {
    const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : undefined;
  };
  const expected = `a whole number from ${min} to ${max}`;
  return row<number, string>(
    name,
    `${fallback}`,
    expected,
    read,
    unit === undefined ? { description } : { description, unit },
  );
}
