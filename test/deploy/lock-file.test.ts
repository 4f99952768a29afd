import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './manifests';

interface Locked {
  /** Its own, where it is installed under another. */
  readonly name?: string;
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
const lock = read('package-lock.json') as { readonly packages: Readonly<Record<string, Locked>> };
const { allowScripts, workspaces } = read('package.json') as {
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly workspaces: readonly string[];
};
const OURS = new Set(['', ...workspaces]);
const PACKAGES = Object.entries(lock.packages).filter(([path, { link }]) => !OURS.has(path) && link !== true);

const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

describe('package-lock.json', () => {
  it('says of every package what its bytes are', () => {
    expect(PACKAGES.length).toBeGreaterThan(100);
    const without = PACKAGES.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
    expect(without.map(([path]) => path)).toEqual([]);
  });

  it('takes every package from the public registry', () => {
    const others = PACKAGES.filter(([path, { resolved, version, name = nameOf(path) }]) => {
      const file = `${name.slice(name.indexOf('/') + 1)}-${version ?? ''}.tgz`;
      return resolved !== `https://registry.npmjs.org/${name}/-/${file}`;
    });
    expect(others.map(([path, { resolved }]) => [path, resolved])).toEqual([]);
  });

  it('has no install script that package.json does not refuse', () => {
    const scripted = PACKAGES.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const refused = Object.keys(allowScripts).filter((name) => allowScripts[name] === false);
    expect([...new Set(scripted.map(([path]) => nameOf(path)))].sort()).toEqual(refused.sort());
  });
});
