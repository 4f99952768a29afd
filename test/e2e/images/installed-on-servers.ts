import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../stack';

interface Locked {
  readonly link?: true;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The packages that the published one brings along, by its lock file. */
export function installedOnServers(): ReadonlySet<string> {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const names = new Set<string>();
  const add = ({ dependencies = {} }: Locked): void => {
    for (const name of Object.keys(dependencies)) {
      if (names.has(name)) continue;
      names.add(name);
      const found = packages[`node_modules/${name}`];
      const locked = found?.link === true ? packages[found.resolved ?? ''] : found;
      if (locked === undefined) throw new Error(`expected ${name} in package-lock.json`);
      add(locked);
    }
  };
  add(packages[''] ?? {});
  return names;
}
