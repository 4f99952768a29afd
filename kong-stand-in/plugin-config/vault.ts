import type { Log } from '../lib/log';

/** A reference to a secret, resolved to it. */
export type ResolveReference = (reference: string) => string;

/** Whether a value looks like `{vault://…}` (kong/pdk/vault.lua `is_reference`). */
export function isReference(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('{vault://') && value.endsWith('}');
}

/**
 * Resolves `{vault://env/some-name}` to the environment variable `SOME_NAME`, with `?prefix=` before the name and
 * `/key` for a member of a JSON object (kong/vaults/env/init.lua, kong/pdk/vault.lua). A reference that cannot be
 * resolved is logged and becomes the empty string (kong/db/schema/init.lua `resolve_reference`).
 */
export function environmentVault(
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
): ResolveReference {
  return (reference) => {
    const value = lookUp(new URL(reference.slice(1, -1)));
    if (value === undefined) log('warn', `unable to resolve reference ${reference}`);
    return value ?? '';
  };

  function lookUp(url: URL): string | undefined {
    if (url.host !== 'env') return undefined;
    const [resource = '', key] = url.pathname.split('/').slice(1);
    const name = `${url.searchParams.get('prefix') ?? ''}${resource}`.replaceAll('-', '_').toUpperCase();
    const value = env[name];
    return value === undefined || key === undefined ? value : member(value, key);
  }
}

function member(json: string, key: string): string | undefined {
  try {
    const value = (JSON.parse(json) as Readonly<Record<string, unknown>>)[key];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
