import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

/** More tests than those of a room's own folder that are held against it. */
const MORE_TESTS: Readonly<Record<string, readonly string[]>> = {
  // They hold the claims that rules look at.
  'plugin/token': ['test/plugin/authorization'],
  // Theirs lie with what they do together with others.
  'sidecar/handshake': ['test/sidecar/behaviour/posted-messages.test.ts'],
  'sidecar/resume': ['test/sidecar/history/followed-history.test.ts'],
};

/** Code that is mutated, and the tests that are to notice it, by their absolute names. */
export interface Room {
  readonly code: readonly string[];
  readonly tests: readonly string[];
}

/**
 * @param path of a folder or a file, from the root of the checkout
 * @param without parts of the paths of tests that are left out: those that take too long for thousands of runs
 * @throws Error, when nothing is there
 */
export function roomAt(path: string, without: readonly string[] = []): Room {
  const folder = isFile(path) ? path.slice(0, path.lastIndexOf('/')) : path;
  const tests = [`test/${folder.replace(/\/src$/, '')}`, ...(MORE_TESTS[folder] ?? [])]
    .flatMap((each) => filesIn(each, '.test.ts', true))
    .filter((file) => !without.some((part) => file.slice(ROOT.length).includes(part)));
  return { code: filesIn(path, '.ts', false), tests };
}

function isFile(path: string): boolean {
  return statSync(join(ROOT, path)).isFile();
}

function filesIn(folder: string, ending: string, recursive: boolean): readonly string[] {
  if (isFile(folder)) return [join(ROOT, folder)];
  const names = readdirSync(join(ROOT, folder), { recursive, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(ROOT, folder, name));
}
