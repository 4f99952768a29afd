import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** Here, and nowhere in this package, is what mutates. */
export const FOLDER = join(__dirname, '../../../dev/.mutants');
const NAME = '@stryker-mutator/instrumenter';
const VERSION = '9.6.1';

interface Position {
  readonly line: number;
  readonly column: number;
}

/** One change of the code. Its place counts from 0. */
export interface Mutant {
  readonly id: string;
  readonly fileName: string;
  readonly mutatorName: string;
  readonly location: { readonly start: Position; readonly end: Position };
  readonly replacement: string;
}

/** Code that has all of its mutants in it, each behind a switch. */
export interface Instrumented {
  readonly sources: Readonly<Record<string, string>>;
  readonly mutants: readonly Mutant[];
}

interface File {
  readonly name: string;
  readonly mutate: boolean;
  readonly content: string;
}

/** The part of Stryker's instrumenter that is used. */
interface Stryker {
  readonly Instrumenter: new (log: unknown) => {
    instrument(
      files: readonly File[],
      options: {
        readonly plugins: null;
        readonly excludedMutations: readonly string[];
        readonly ignorers: readonly [];
      },
    ): Promise<{ readonly files: readonly File[]; readonly mutants: readonly Mutant[] }>;
  };
}

const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: console.error,
  isDebugEnabled: () => false,
};

/** @param names of the files to mutate, absolute */
export async function instrument(names: readonly string[]): Promise<Instrumented> {
  const { Instrumenter } = await stryker();
  const read = async (name: string): Promise<File> => ({
    name,
    mutate: true,
    content: await readFile(name, 'utf8'),
  });
  const options = { plugins: null, excludedMutations: [], ignorers: [] } as const;
  const { files, mutants } = await new Instrumenter(SILENT).instrument(
    await Promise.all(names.map(read)),
    options,
  );
  return { sources: Object.fromEntries(files.map(({ name, content }) => [name, content])), mutants };
}

/** Installs it where it is not yet: it brings 65 packages, which nothing else here needs. */
async function stryker(): Promise<Stryker> {
  const home = join(FOLDER, 'node_modules', NAME);
  if (!existsSync(join(home, 'package.json'))) {
    await mkdir(FOLDER, { recursive: true });
    await writeFile(join(FOLDER, 'package.json'), '{"private":true}\n');
    const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    await promisify(execFile)('npm', ['install', ...flags, `${NAME}@${VERSION}`], { cwd: FOLDER });
  }
  return (await import(pathToFileURL(join(home, 'dist/src/index.js')).href)) as Stryker;
}
