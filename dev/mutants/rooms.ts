import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

/** More tests than those of a room's own folder that are held against it. */
const MORE_TESTS: Readonly<Record<string, readonly string[]>> = {
  // They hold the claims that rules look at.
  'plugin/token': ['test/plugin/authorization'],
};

/** Code that is mutated, and the tests that are to notice it, by their absolute names. */
export interface Room {
  readonly code: readonly string[];
  readonly tests: readonly string[];
}

/**
 * @param path of a folder or a file, from the root of the checkout
 * @throws Error, when nothing is there
 */
export function roomAt(path: string): Room {
  const isFile = statSync(join(ROOT, path)).isFile();
  const folder = isFile ? path.slice(0, path.lastIndexOf('/')) : path;
  const tests = [`test/${folder}`, ...(MORE_TESTS[folder] ?? [])].flatMap((each) =>
    filesIn(each, '.test.ts', true),
  );
  return { code: isFile ? [join(ROOT, path)] : filesIn(folder, '.ts', false), tests };
}

function filesIn(folder: string, ending: string, recursive: boolean): readonly string[] {
  const names = readdirSync(join(ROOT, folder), { recursive, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(ROOT, folder, name));
}
