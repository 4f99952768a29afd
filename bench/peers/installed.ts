import { join } from 'node:path';
import { ROOT } from './node-server';
import { PackageFolder } from './package-folder';

/** uWebSockets.js itself is not on npm; this is its binaries and sources under another name. */
export const UWEBSOCKETS = 'uwebsockets@3.0.6';
export const SOCKET_IO = 'socket.io@4.8.4';
export const SOCKET_IO_REDIS_ADAPTER = '@socket.io/redis-adapter@8.3.0';
export const NOTEPACK = 'notepack.io@3.0.1';

/** Here, and nowhere in this package, are the servers that we measure against. */
const FOLDER = new PackageFolder(join(ROOT, 'bench', '.peers'), [
  UWEBSOCKETS,
  SOCKET_IO,
  SOCKET_IO_REDIS_ADAPTER,
  NOTEPACK,
]);

/** Installs packages (`name@version`) where they are not yet. @returns why that failed, or undefined */
export function install(packages: readonly string[]): Promise<string | undefined> {
  return FOLDER.install(packages);
}

/** Loads an installed package. Its types are not here: the caller says which part of it he uses. */
export function load(name: string): unknown {
  return FOLDER.load(name);
}
