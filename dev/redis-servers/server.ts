import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** A Redis to run the tests against. */
export interface Server {
  /** The path of its program. */
  readonly path: string;
  /** Its name and version: `Valkey 8.1.4`. */
  readonly name: string;
}

/** A server that is neither a program nor in an image. */
export class NoServer extends Error {
  override readonly name = 'NoServer';
  readonly code = 'ERR_NO_SERVER';
}

/**
 * Finds a server, and asks it for its version.
 * @param where the path of a program, or the name of an image whose command is one
 * @param folder an empty one, for what is taken out of an image
 * @throws NoServer
 */
export function findServer(where: string, folder: string): Server {
  const path = isFile(where) ? resolve(where) : fromImage(where, folder);
  const said = run(path, ['--version'], `expected a Redis or a Valkey at ${where}`);
  return { path, name: readVersion(said, where) };
}

/** Reads what `--version` prints. @throws NoServer */
export function readVersion(said: string, where: string): string {
  const [, name, version] = /^(\w+) server v=([\w.-]+)/.exec(said) ?? [];
  if (name === undefined || version === undefined)
    throw new NoServer(`${where}: expected a Redis or a Valkey, got ${JSON.stringify(said.slice(0, 100))}`);
  return `${name} ${version}`;
}

/**
 * Takes the program out of an image, with the libraries that it was linked to: those of this machine may be older. The tests stop and kill
 * processes of their own, so it is run here and in no container.
 */
function fromImage(image: string, folder: string): string {
  const docker = (...args: string[]): string =>
    run('docker', args, `expected the path of a program or an image, got ${image}`);
  const container = docker('create', image).trim();
  try {
    const [command = ''] = JSON.parse(
      docker('inspect', '--format', '{{json .Config.Cmd}}', container),
    ) as string[];
    const program = join(folder, basename(command));
    docker('cp', '--follow-link', `${container}:/usr/local/bin/${basename(command)}`, program);
    docker('cp', `${container}:/usr/lib`, join(folder, 'lib'));
    return withItsLibraries(image, program, join(folder, 'lib'));
  } finally {
    docker('rm', container);
  }
}

/** A script that runs a program with the loader and the libraries of its image, as the same process. @throws NoServer */
function withItsLibraries(image: string, program: string, libraries: string): string {
  const folder = readdirSync(libraries).find((name) => name.endsWith('-linux-gnu'));
  const loader =
    folder && readdirSync(join(libraries, folder)).find((name) => /^ld-linux-.*\.so\.\d+$/.test(name));
  if (folder === undefined || loader === undefined)
    throw new NoServer(`${image}: expected an image that is based on Debian`);
  const own = join(libraries, folder);
  const script = `${program}-with-its-libraries`;
  writeFileSync(
    script,
    `#!/bin/sh\nexec '${join(own, loader)}' --library-path '${own}' '${program}' "$@"\n`,
    { mode: 0o755 },
  );
  return script;
}

function run(command: string, args: readonly string[], expected: string): string {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      env: process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    throw new NoServer(`${expected}: ${stderr.trim() || message}`, { cause });
  }
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
