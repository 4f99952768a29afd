import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { AROUND, ARROWS } from '../../arrows.mjs';

const ROOT = join(__dirname, '../..');

/** The repository's TypeScript files, by their path from its root. */
const files = new Set(
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !file.endsWith('.d.ts')),
);

/** Which of them a file imports, types included: the linter's own rule against circles passes over those. */
function importsOf(file: string): readonly string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), 'utf8'));
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => relative(ROOT, join(ROOT, dirname(file), fileName)))
    .flatMap((path) => [path, `${path}.ts`, `${path}/index.ts`])
    .filter((path) => files.has(path));
}

/** A way from a file back to itself, if there is one. */
function circle(imports: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const way: string[] = [];
  for (const file of imports.keys()) {
    const found = visit(file);
    if (found !== undefined) return found;
  }
  return undefined;

  function visit(file: string): readonly string[] | undefined {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    done.add(file);
    way.push(file);
    for (const next of imports.get(file) ?? []) {
      const found = visit(next);
      if (found !== undefined) return found;
    }
    way.pop();
    return undefined;
  }
}

describe('imports', () => {
  it('lead out of nothing that an image is built from into what its build does not have', () => {
    const absent = new Set(readFileSync(join(ROOT, '.dockerignore'), 'utf8').trimEnd().split('\n'));
    const folderOf = (file: string): string => file.split('/', 1)[0] ?? '';
    const { include } = ts.readConfigFile(join(ROOT, 'tsconfig.build.json'), (path) =>
      readFileSync(path, 'utf8'),
    ).config as { readonly include: readonly string[] };
    const built = [...files].filter(
      (file) => include.includes(folderOf(file)) && !absent.has(folderOf(file)),
    );
    expect(built.length).toBeGreaterThan(100);
    const leaving = built.flatMap((file) =>
      importsOf(file)
        .filter((other) => absent.has(folderOf(other)))
        .map((other) => [file, other]),
    );
    expect(leaving).toEqual([]);
  });

  it('lead from no file back to itself, of types neither', () => {
    const imports = new Map([...files].map((file) => [file, importsOf(file)]));
    expect([...imports.values()].flat().length).toBeGreaterThan(1000);
    expect(circle(imports)).toBeUndefined();
  });

  it('have rules in arrows.mjs for every folder of the product', () => {
    const around = [...AROUND, 'test', 'docs'];
    const folders = [...files].map((file) => dirname(file)).filter((folder) => folder !== '.');
    const product = new Set(folders.filter((folder) => !around.includes(folder.split('/')[0] ?? '')));
    expect([...product].sort()).toEqual(Object.keys(ARROWS).sort());
  });
});
