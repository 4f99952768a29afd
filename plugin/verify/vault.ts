import { ConfigError } from '../schema/config-error';

/** A configuration whose `{vault://env/some-name}` are the variables `SOME_NAME`. @throws ConfigError naming an unset one */
export function withEnvironment(value: unknown, env: Readonly<Record<string, string | undefined>>): unknown {
  if (typeof value === 'string') return resolved(value, env);
  if (Array.isArray(value)) return value.map((item: unknown) => withEnvironment(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withEnvironment(item, env)]));
}

function resolved(text: string, env: Readonly<Record<string, string | undefined>>): string {
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
