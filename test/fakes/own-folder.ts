import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endedAtExit } from './at-exit';

/** A folder that nobody else uses, under the system's for temporary files. It is gone with this process at the latest. */
export interface OwnFolder {
  readonly path: string;
  /** Removes it with all that is in it. */
  remove(): Promise<void>;
}

const paths = endedAtExit<string>((path) => {
  rmSync(path, { recursive: true, force: true });
});

/** Makes an empty one. */
export function makeOwnFolder(prefix: string): OwnFolder {
  const path = mkdtempSync(join(tmpdir(), prefix));
  paths.add(path);
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true });
      paths.delete(path);
    },
  };
}
