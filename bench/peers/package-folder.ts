import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A folder for packages of others that no package here depends on. It is no part of the repository. */
export class PackageFolder {
  readonly path: string;
  readonly #manifest: string;
  readonly #packages: readonly string[];

  /** @param packages all that are ever installed here (`name@version`): npm takes away what it was not told to keep */
  constructor(path: string, packages: readonly string[]) {
    this.path = path;
    this.#manifest = join(path, 'package.json');
    this.#packages = packages;
  }

  /** Installs all of them unless these are there. @returns why that failed, or undefined */
  async install(wanted: readonly string[] = this.#packages): Promise<string | undefined> {
    if (wanted.every((spec) => this.#has(spec))) return undefined;
    await mkdir(this.path, { recursive: true });
    await writeFile(this.#manifest, '{"private":true}\n');
    const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    try {
      await promisify(execFile)('npm', ['install', ...flags, ...this.#packages], { cwd: this.path });
      return undefined;
    } catch (error) {
      return `npm cannot install ${wanted.join(', ')}: ${error instanceof Error ? error.message : ''}`;
    }
  }

  /** Loads an installed package. Its types are not here: the caller says which part of it he uses. */
  load(name: string): unknown {
    return createRequire(this.#manifest)(name);
  }

  /** Reads the file itself: jest remembers of a module that it is not there. */
  #has(spec: string): boolean {
    const at = spec.lastIndexOf('@');
    try {
      const file = join(this.path, 'node_modules', spec.slice(0, at), 'package.json');
      const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
      return version === spec.slice(at + 1);
    } catch {
      return false;
    }
  }
}
