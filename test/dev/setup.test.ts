import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { makeOwnFolder, type OwnFolder } from '../fakes/own-folder';

const ROOT = join(__dirname, '../..');

/** Programs that every system has. */
const BASE = ['sh', 'dirname', 'mktemp', 'cat', 'rm', 'sed', 'grep', 'env'];

/** A machine as `dev/setup.sh` finds it. */
interface Machine {
  /** The version that its Node says it is; the one that runs this test when left out, none when undefined. */
  readonly node?: string | undefined;
  /** Commands that are there. */
  readonly has?: readonly string[];
  /** Packages that its apt-get can install; false: there is no apt-get. */
  readonly apt?: readonly string[] | false;
  readonly root?: boolean;
  readonly sudo?: boolean;
  /** Whether a user may make a namespace. */
  readonly namespaces?: boolean;
  readonly npmPackages?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

let folder: OwnFolder;
beforeEach(() => {
  folder = makeOwnFolder('setup-');
});
afterEach(() => folder.remove());

/** Runs a copy of setup.sh on such a machine. `asked` is what it had done there. */
async function setup(args: readonly string[], machine: Machine = {}) {
  const project = join(folder.path, 'project');
  const bin = join(folder.path, 'bin');
  const asked = join(folder.path, 'asked');
  for (const path of [join(project, 'dev'), bin]) mkdirSync(path, { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'dev/setup.sh', 'dev/preflight.cjs'])
    cpSync(join(ROOT, file), join(project, file));
  writeFileSync(asked, '');
  equip(bin, asked, machine);
  if (machine.npmPackages ?? true) {
    mkdirSync(join(project, 'node_modules'));
    writeFileSync(join(project, 'node_modules/.package-lock.json'), '{}');
    utimesSync(join(project, 'package-lock.json'), 0, 0);
  }
  const env = { PATH: bin, CHROME_DEVEL_SANDBOX: join(bin, 'no-sandbox'), ...machine.env };
  return new Promise<{ code: number; stdout: string; stderr: string; asked: string[] }>((resolve) => {
    const child = execFile(
      '/bin/sh',
      [join(project, 'dev/setup.sh'), ...args],
      { env, cwd: '/' },
      (_, stdout, stderr) => {
        const lines = readFileSync(asked, 'utf8').split('\n').slice(0, -1);
        resolve({ code: child.exitCode ?? -1, stdout, stderr, asked: lines });
      },
    );
  });
}

function equip(bin: string, asked: string, machine: Machine): void {
  const { has = [], apt = ['redis-server', 'chromium', 'chromium-sandbox'] } = machine;
  const script = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  };
  for (const name of BASE) symlinkSync(onPath(name), join(bin, name));
  for (const name of has) script(name, '');
  script('id', `echo ${(machine.root ?? true) ? 0 : 1000}`);
  script('unshare', (machine.namespaces ?? true) ? 'exit 0' : 'exit 1');
  script('npm', `echo "npm $*" >> '${asked}'`);
  if (machine.sudo ?? false) script('sudo', `echo sudo >> '${asked}'; exec "$@"`);
  if (apt !== false) {
    script(
      'apt-get',
      `echo "apt-get $*" >> '${asked}'; for p in "$@"; do :; done; echo "Setting up $p (1.0) ..."`,
    );
    script('apt-cache', `case " ${apt.join(' ')} " in *" $2 "*) ;; *) exit 100 ;; esac`);
  }
  if ('node' in machine && machine.node === undefined) return;
  const fake = join(bin, 'version.cjs');
  writeFileSync(
    fake,
    `Object.defineProperty(process, 'version', { value: '${machine.node ?? process.version}' });`,
  );
  script('node', `exec '${process.execPath}' --require '${fake}' "$@"`);
}

function onPath(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((path) => join(path, name)).find((path) => existsSync(path)) ?? '';
}

function installed(asked: readonly string[]): string[] {
  const [line = ''] = asked.filter((each) => each.startsWith('apt-get install'));
  return line.split(' ').filter((word) => word !== '' && !/^(apt-get|install|-.*)$/.test(word));
}

describe('dev/setup.sh', () => {
  it('installs redis-server alone for npm start', async () => {
    const { code, stdout, asked } = await setup([]);
    expect(code).toBe(0);
    expect(installed(asked)).toEqual(['redis-server']);
    expect(stdout).toContain('setup: installing redis-server (apt-get)\n');
    expect(stdout).toMatch(/setup: done; next: npm start\n$/);
  });

  it('installs Chromium as well for npm test', async () => {
    const { code, stdout, asked } = await setup(['test']);
    expect(code).toBe(0);
    expect(installed(asked)).toEqual(['redis-server', 'chromium']);
    expect(stdout).toMatch(/setup: done; next: npm test\n$/);
  });

  it('installs no redis-server where REDIS_SERVER names another server', async () => {
    const { asked } = await setup([], { has: ['valkey-server'], env: { REDIS_SERVER: 'valkey-server' } });
    expect(installed(asked)).toEqual([]);
  });

  it("installs Chromium's sandbox for a user who may make no namespaces", async () => {
    const { asked } = await setup(['test'], { root: false, sudo: true, namespaces: false });
    expect(installed(asked)).toEqual(['redis-server', 'chromium', 'chromium-sandbox']);
  });

  it.each([
    ['a user who may make namespaces', { root: false, namespaces: true }],
    ['root, who runs Chromium without a sandbox', { root: true, namespaces: false }],
    ['CI, where the tests do without', { root: false, namespaces: false, env: { CI: 'true' } }],
    ['Chrome, which brings its own', { root: false, namespaces: false, has: ['google-chrome'] }],
  ])('installs no sandbox for %s', async (_, machine) => {
    const { asked } = await setup(['test'], { sudo: true, ...machine });
    expect(installed(asked)).not.toContain('chromium-sandbox');
  });

  it.each([
    ['npm start', [], ['redis-server'], {}],
    ['npm start with a Redis elsewhere', [], [], { REDIS_URL: 'redis://127.0.0.1:6379' }],
    ['npm test', ['test'], ['redis-server', 'chromium'], {}],
    ['npm test with another Chromium', ['test'], ['redis-server'], { CHROMIUM_PATH: '/opt/chromium' }],
  ])('does nothing where there is all that %s needs', async (_, args, has, env: Record<string, string>) => {
    const { code, stdout, asked } = await setup(args, { has, env });
    expect({ code, asked }).toEqual({ code: 0, asked: [] });
    expect(stdout).toMatch(/^setup: done; next: npm (start|test)\n$/);
  });

  it('says that it uses sudo for who is not root', async () => {
    const { stdout, asked } = await setup([], { root: false, sudo: true });
    expect(stdout).toContain('setup: installing redis-server (sudo apt-get)\n');
    expect(asked.filter((line) => line === 'sudo')).toHaveLength(2);
  });

  it('installs the npm packages where they are missing', async () => {
    const { stdout, asked } = await setup([], { has: ['redis-server'], npmPackages: false });
    expect(asked).toEqual(['npm ci --ignore-scripts --no-fund --no-audit']);
    expect(stdout).toContain('setup: installing the npm packages (npm ci)\n');
  });

  it.each(['v18.20.4', 'v20.18.3', 'v21.7.3', 'v22.12.0', 'v23.5.0'])(
    'refuses Node %s before anything is installed, with what to install',
    async (node) => {
      const { code, stdout, stderr, asked } = await setup([], { node, npmPackages: false });
      expect({ code, stdout, asked }).toEqual({ code: 1, stdout: '', asked: [] });
      expect(stderr).toContain(`this is Node ${node} (`);
      expect(stderr).toContain('expected 20.19 and newer 20.x, 22.13 and newer 22.x, 24 and newer');
      expect(stderr).toContain('https://nodejs.org/');
    },
  );

  it.each(['v20.19.0', 'v20.20.2', 'v22.13.0', 'v24.0.0', 'v26.1.0'])('takes Node %s', async (node) => {
    expect(await setup([], { node, has: ['redis-server'] })).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['no Node', { node: undefined }, 'Node is not on PATH. Install Node 24 or 22 from https://nodejs.org/'],
    ['no apt-get', { apt: false }, 'missing: redis-server, and there is no apt-get here'],
    [
      'no sudo for who is not root',
      { root: false },
      'missing: redis-server. To install it this needs root, and there is no sudo.',
    ],
    ['a package that apt-get does not have', { apt: [] }, 'apt-get knows no package redis-server here.'],
  ] as const)('says what to do where there is %s, and ends with code 1', async (_, machine, said) => {
    const { code, stderr, asked } = await setup([], { ...machine, npmPackages: false });
    expect(code).toBe(1);
    expect(stderr).toContain(said);
    expect(installed(asked)).toEqual([]);
    expect(asked.filter((line) => line.startsWith('npm'))).toEqual([]);
  });

  it("installs Python's packages for the example in Python, and no others", async () => {
    const apt = ['python3-redis', 'python3-fastapi', 'python3-uvicorn'];
    const { code, stdout, asked } = await setup(['python'], { apt, env: { PYTHON: 'python-that-has-none' } });
    expect(code).toBe(0);
    expect(installed(asked)).toEqual(apt);
    expect(stdout).toMatch(/setup: done; next: npx jest test\/docs\/ai-service-example\n$/);
  });

  it('does nothing where a Python has what its example needs', async () => {
    const { code, asked } = await setup(['python'], {
      has: ['python-with-all'],
      env: { PYTHON: 'python-with-all' },
    });
    expect({ code, asked }).toEqual({ code: 0, asked: [] });
  });

  it('refuses an argument that it does not know', async () => {
    const { code, stderr, asked } = await setup(['tests']);
    expect({ code, asked }).toEqual({ code: 1, asked: [] });
    expect(stderr).toBe('setup: expected nothing, "start", "test" or "python", got "tests"\n');
  });
});

describe('the npm scripts', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };

  it.each(['prestart', 'pretest', 'prebuild'])(
    '%s refuses a Node that is too old before anything else',
    (name) => {
      expect(scripts[name]).toMatch(/^node dev\/preflight\.cjs --packages( |$)/);
    },
  );

  it('say what to run where the npm packages are missing', async () => {
    mkdirSync(join(folder.path, 'dev'));
    for (const file of ['package.json', 'dev/preflight.cjs'])
      cpSync(join(ROOT, file), join(folder.path, file));
    const args = [join(folder.path, 'dev/preflight.cjs'), '--packages'];
    const stderr = await new Promise<string>((resolve) => {
      execFile(process.execPath, args, (_, __, text) => {
        resolve(text);
      });
    });
    expect(stderr).toMatch(/^the npm packages are not installed; run `sh dev\/setup\.sh` first/);
  });
});
