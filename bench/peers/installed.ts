import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './node-server';

/** Here, and nowhere in this package, are the servers that we measure against. */
const FOLDER = join(ROOT, 'bench', '.peers');
const MANIFEST = join(FOLDER, 'package.json');

/** Installs packages (`name@version`) where they are not yet. @returns why that failed, or undefined */
export async function install(packages: readonly string[]): Promise<string | undefined> {
  if (packages.every(isInstalled)) return undefined;
  await mkdir(FOLDER, { recursive: true });
  await writeFile(MANIFEST, '{"private":true}\n');
  // npm takes away what it was not told to keep: all of them at once.
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    await promisify(execFile)('npm', ['install', ...flags, ...PACKAGES], { cwd: FOLDER });
    return undefined;
  } catch (error) {
    return `npm cannot install ${packages.join(', ')}: ${error instanceof Error ? error.message : ''}`;
  }
}

/** uWebSockets.js itself is not on npm; this is its binaries and sources under another name. */
export const UWEBSOCKETS = 'uwebsockets@3.0.6';
export const SOCKET_IO = 'socket.io@4.8.4';
export const SOCKET_IO_REDIS_ADAPTER = '@socket.io/redis-adapter@8.3.0';
export const NOTEPACK = 'notepack.io@3.0.1';
const PACKAGES = [UWEBSOCKETS, SOCKET_IO, SOCKET_IO_REDIS_ADAPTER, NOTEPACK];

/** Loads an installed package. Its types are not here: the caller says which part of it he uses. */
export function load(name: string): unknown {
  return createRequire(MANIFEST)(name);
}

function isInstalled(spec: string): boolean {
  const at = spec.lastIndexOf('@');
  try {
    const { version } = load(`${spec.slice(0, at)}/package.json`) as { version: string };
    return version === spec.slice(at + 1);
  } catch {
    return false;
  }
}
