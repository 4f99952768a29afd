import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

interface Declarative {
  readonly services: readonly unknown[];
}

/**
 * The declarative configuration of `npm start`: kong.yml with the services of dev/page/kong.yml behind its own.
 * @param root the repository
 */
export function demoKongConfig(root: string): string {
  const production = read(join(root, 'kong.yml'));
  const page = read(join(root, 'dev/page/kong.yml'));
  return stringify({ ...production, services: [...production.services, ...page.services] });
}

function read(path: string): Declarative {
  return parse(readFileSync(path, 'utf8')) as Declarative;
}
