import { ConfigError } from '../schema/config-error';
import type { FieldRule, SchemaField } from '../schema/index';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A configuration whose `{vault://env/some-name}` are the variables `SOME_NAME`, in the fields that may be references. Elsewhere they are
 * text, as for Kong.
 * @throws ConfigError naming an unset one
 */
export function withEnvironment(
  fields: readonly SchemaField[],
  given: Readonly<Record<string, unknown>>,
  env: Environment,
): Record<string, unknown> {
  const rules = new Map(fields.flatMap((field) => Object.entries(field)));
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, filled(rules.get(name), value, env)]),
  );
}

function filled(rule: FieldRule | undefined, value: unknown, env: Environment): unknown {
  if (rule === undefined) return value;
  if (typeof value === 'string') return rule.referenceable === true ? resolved(value, env) : value;
  if (typeof value !== 'object' || value === null) return value;
  const { elements, values, fields } = rule;
  if (Array.isArray(value)) return value.map((item: unknown) => filled(elements, item, env));
  const members = value as Readonly<Record<string, unknown>>;
  if (fields !== undefined) return withEnvironment(fields, members, env);
  return Object.fromEntries(Object.entries(members).map(([name, item]) => [name, filled(values, item, env)]));
}

function resolved(text: string, env: Environment): string {
  if (!text.startsWith('{vault://')) return text;
  const name = /^\{vault:\/\/env\/([A-Za-z0-9_-]+)\}$/.exec(text)?.[1];
  if (name === undefined)
    throw new ConfigError(`${text}: expected {vault://env/name}; other vaults are Kong's`);
  const variable = name.replaceAll('-', '_').toUpperCase();
  const value = env[variable];
  if (value === undefined || value === '')
    throw new ConfigError(`${text}: expected the environment variable ${variable}`);
  return value;
}
