import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './manifests';

const run = promisify(execFile);

interface PackedFile {
  readonly path: string;
  readonly mode: number;
}

interface Manifest {
  readonly version: string;
  readonly homepage: string;
  readonly bugs: { readonly url: string };
  readonly repository: { readonly type: string; readonly url: string; readonly directory?: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

let project: string;
let files: readonly PackedFile[];
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
const client = JSON.parse(readFileSync(join(ROOT, 'client/package.json'), 'utf8')) as Manifest;
const service = JSON.parse(readFileSync(join(ROOT, 'service/package.json'), 'utf8')) as Manifest;
const installed = (name: string): string => join(project, 'node_modules', name);

// An empty project with the packages as npm would unpack them, and what they depend on.
beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'packages-'));
  mkdirSync(join(project, 'node_modules'));
  for (const workspace of ['client', 'service']) await installWorkspace(workspace);
  files = await install('kong-ws-bridge', ROOT);
  const others = readdirSync(join(ROOT, 'node_modules')).filter(
    (name) => !/^(\.|ws-bridge-(client|service)$)/.test(name),
  );
  for (const name of others) symlinkSync(join(ROOT, 'node_modules', name), installed(name));
}, 120_000);
afterAll(() => {
  rmSync(project, { recursive: true });
});

async function installWorkspace(workspace: string): Promise<void> {
  const source = join(project, workspace);
  mkdirSync(source);
  for (const name of ['package.json', 'README.md', 'LICENSE'])
    cpSync(join(ROOT, workspace, name), join(source, name));
  await run('node', [`${workspace}/build.mjs`, '--outdir', join(source, 'dist')], { cwd: ROOT });
  await install(`ws-bridge-${workspace}`, source);
}

async function install(name: string, folder: string): Promise<readonly PackedFile[]> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const { stdout } = await run('npm', args, { cwd: folder });
  const [archive] = Object.values(
    JSON.parse(stdout) as Record<string, { filename: string; files: PackedFile[] }>,
  );
  if (archive === undefined) throw new Error('nothing was packed');
  mkdirSync(installed(name));
  await run('tar', ['-xzf', join(project, archive.filename), '--strip-components=1', '-C', installed(name)]);
  return archive.files;
}

/** Runs a command of the installed package. */
async function command(name: string, args: readonly string[], env: Record<string, string> = {}) {
  const script = join(installed('kong-ws-bridge'), manifest.bin[name] ?? '');
  const options = { cwd: project, env: { PATH: process.env['PATH'], ...env } };
  return run(process.execPath, [script, ...args], options).catch(
    (cause: unknown) => cause as { stdout: string },
  );
}

describe('the package kong-ws-bridge', () => {
  it('holds what runs and nothing that tests, develops or is not built', () => {
    const paths = files.map(({ path }) => path);
    const besides = paths.filter(
      (path) => !/^dist\/(protocol|redis|stdio|workers|plugin|sidecar)\/[\w/-]+\.(js|lua)$/.test(path),
    );
    expect(besides.sort()).toEqual(['LICENSE', 'PROTOCOL.md', 'README.md', 'kong.yml', 'package.json']);
  });

  it('holds every script that the built code loads', () => {
    const scripts = ['plugin', 'sidecar'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { encoding: 'utf8', recursive: true })
        .filter((name) => name.endsWith('.lua'))
        .map((name) => `dist/${folder}/${name}`),
    );
    expect(scripts.length).toBeGreaterThan(0);
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(scripts));
  });

  it('has commands that begin with a shebang', () => {
    for (const path of Object.values(manifest.bin)) {
      const text = readFileSync(join(installed('kong-ws-bridge'), path), 'utf8');
      expect([path, text.split('\n', 1)[0]]).toEqual([path, '#!/usr/bin/env node']);
    }
  });

  it('depends on the client of the same version, because they are released together', () => {
    expect([client.version, service.version]).toEqual([manifest.version, manifest.version]);
    expect(manifest.dependencies['ws-bridge-client']).toBe(client.version);
  });

  it.each(['ws-gatekeeper', 'ws-bridge'])('has a %s that runs from where it is installed', async (name) => {
    expect(await command(name, ['--version'])).toMatchObject({ stdout: `${manifest.version}\n`, stderr: '' });
  });

  it('describes the plugin to Kong from where it is installed', async () => {
    const { stdout } = await command('ws-gatekeeper', ['--plugin-info']);
    expect(JSON.parse(stdout)).toMatchObject({
      Protocol: 'ProtoBuf:1',
      Plugins: [{ Name: 'ws-gatekeeper' }],
    });
  });

  it('verifies a token and finds the client from where it is installed', async () => {
    const config = join(installed('kong-ws-bridge'), 'kong.yml');
    const env = {
      JWT_SECRET: 'token secret of at least 32 bytes',
      ASSERTION_SECRET: 'assertion secret, at least 32 bytes',
      REDIS_URL: 'redis://127.0.0.1:1',
    };
    const verified = await command('ws-gatekeeper', ['verify', 'no-token', '--config', config], env);
    expect(verified).toMatchObject({ code: 1, stdout: expect.stringContaining('401 malformed_token') });
    const refused = await command('ws-bridge', ['tail', 'ws://127.0.0.1:1'], {});
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('expected a token') });
  });
});

it.each([
  ['kong-ws-bridge', manifest, undefined],
  ['ws-bridge-client', client, 'client'],
  ['ws-bridge-service', service, 'service'],
])('the package %s says where its source is, and where faults are told', (_, told, directory) => {
  const home = 'https://github.com/your-org/kong-ws-bridge';
  expect(told.repository).toEqual({
    type: 'git',
    url: `git+${home}.git`,
    ...(directory === undefined ? {} : { directory }),
  });
  expect([told.homepage, told.bugs.url]).toEqual([`${home}#readme`, `${home}/issues`]);
});

describe('what the packages export', () => {
  it.each(['kong-ws-bridge', 'ws-bridge-client', 'ws-bridge-service'])(
    '%s has nothing that publint finds',
    async (name) => {
      const publint = join(ROOT, 'node_modules/publint/src/cli.js');
      const args = [publint, installed(name), '--strict', '--pack', 'false'];
      const { stdout } = await run(process.execPath, args, { env: { ...process.env, NO_COLOR: '1' } }).catch(
        (cause: unknown) => cause as { stdout: string },
      );
      expect(stdout).toContain('All good!');
    },
  );
});
