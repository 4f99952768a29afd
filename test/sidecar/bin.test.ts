import { transformFile } from '@swc/core';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { SETTING_ROWS } from '../../sidecar/settings/settings';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { connect, SECRET } from './fixture';

const ROOT = join(__dirname, '..', '..');
const SERVED = {
  BRIDGE_ASSERTION_SECRET: SECRET,
  BRIDGE_PORT: '0',
  BRIDGE_ADMIN_PORT: '0',
  BRIDGE_REDIS_TIMEOUT_MS: '10000',
  BRIDGE_DRAIN_MS: '0',
};
const ALICE = { tenant: 'acme', user: 'alice' };

let compiled: string;
let redis: RedisServer;

beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'ws-bridge-'));
  await Promise.all(['protocol', 'redis', 'stdio', 'workers', 'sidecar'].map(compileFolder));
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
  await rm(compiled, { recursive: true });
});

async function compileFolder(folder: string): Promise<void> {
  const files = await readdir(join(ROOT, folder), { recursive: true });
  for (const file of files.filter((name) => /\.(ts|lua)$/.test(name))) {
    const [source, target] = [join(ROOT, folder, file), join(compiled, folder, file)];
    await mkdir(dirname(target), { recursive: true });
    if (file.endsWith('.lua')) {
      await copyFile(source, target);
      continue;
    }
    const { code } = await transformFile(source, {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
      module: { type: 'commonjs' },
    });
    await writeFile(target.replace(/\.ts$/, '.js'), code);
  }
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [join(compiled, 'sidecar/bin/ws-bridge.js'), ...args], {
    env: { PATH: process.env['PATH'], NODE_PATH: join(ROOT, 'node_modules'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The bridge, which may have so many files open. */
function runWithFiles(most: number, env: Readonly<Record<string, string>>): ChildProcess {
  const limited = ['-c', `ulimit -n ${most} && exec "$0" "$1"`];
  return spawn('sh', [...limited, process.execPath, join(compiled, 'sidecar/bin/ws-bridge.js')], {
    env: { PATH: process.env['PATH'], NODE_PATH: join(ROOT, 'node_modules'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function ended(child: ChildProcess): Promise<{ code: number; stdout: string; stderr: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout: out.join(''), stderr: err.join('') };
}

describe('ws-bridge', () => {
  it('--help lists every setting with its default', async () => {
    const { code, stdout } = await ended(run(['--help']));
    expect(code).toBe(0);
    for (const { name, default: fallback } of SETTING_ROWS)
      expect(stdout).toContain(`${name}${fallback === undefined ? '' : ` [${fallback}`}`);
  });

  it('without a key says which variable is missing and ends with 1', async () => {
    const { code, stdout, stderr } = await ended(run([], { BRIDGE_PORT: 'x' }));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('BRIDGE_PORT: expected a whole number');
    expect(stderr).toContain('BRIDGE_ASSERTION_SECRET or BRIDGE_ASSERTION_PUBLIC_KEY: expected');
  });

  it('with a routes file that is not there says so and ends with 1', async () => {
    const env = { BRIDGE_ASSERTION_SECRET: SECRET, BRIDGE_ROUTES_FILE: '/nowhere/routes.json' };
    const { code, stderr } = await ended(run([], env));
    expect([code, stderr]).toEqual([1, 'ws-bridge: /nowhere/routes.json: expected a readable file\n']);
  });

  it.each([
    ['a command that there is not', ['doctr'], /unknown command 'doctr', expected doctor, tail or routes/],
    [
      'a gateway that --gateway does not name',
      ['doctor', 'wss://gateway.example'],
      /too many arguments for 'doctor'/,
    ],
    ['a time that is no number', ['doctor', '--timeout-ms', 'abc'], /timeout-ms .*Expected milliseconds/],
    ['a time of nothing', ['doctor', '--timeout-ms', '0'], /timeout-ms .*Expected milliseconds/],
    [
      'a path without a slash',
      ['doctor', '--path', 'ws/ai/chat'],
      /--path .*Expected a path like \/ws\/ai\/chat/,
    ],
    [
      'a token of two lines',
      ['doctor', '--gateway', 'ws://127.0.0.1:1', '--token', 'ey.a\nb.c'],
      /^ws-bridge: expected a token of one line, without spaces/,
    ],
    [
      'a token of words',
      ['tail', 'ws://127.0.0.1:1', '--token', 'a b c'],
      /^ws-bridge: expected a token of one line/,
    ],
  ])('says what is wrong with %s in one line, and ends with 2', async (_, args, message) => {
    const { code, stdout, stderr } = await ended(run(args, { BRIDGE_ASSERTION_SECRET: SECRET }));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(stderr).not.toContain('ey.a');
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'serves until %s, then says 1012 and ends with 0',
    async (signal) => {
      const child = run([], { ...SERVED, REDIS_URL: redis.url });
      const { port } = await listening(child);
      const client = await connect(`ws://127.0.0.1:${port}/ws/notifications`, ALICE);
      const end = ended(child);
      child.kill(signal);
      expect(await client.closed).toBe(1012);
      expect(await end).toMatchObject({ code: 0, stderr: '' });
    },
  );

  it('ends gently although SIGHUP comes again', async () => {
    const child = run([], { ...SERVED, REDIS_URL: redis.url, BRIDGE_DRAIN_MS: '500' });
    const { port } = await listening(child);
    const client = await connect(`ws://127.0.0.1:${port}/ws/notifications`, ALICE);
    const end = ended(child);
    const closing = new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        if (chunk.includes('closing')) resolve();
      });
    });
    child.kill('SIGHUP');
    await closing;
    child.kill('SIGHUP');
    expect(await client.closed).toBe(1012);
    expect((await end).code).toBe(0);
  });

  it.each([
    ['--help', ['--help'], 0],
    ['--version', ['--version'], 0],
    ['doctor', ['doctor'], 0],
    ['doctor --help', ['doctor', '--help'], 0],
  ])('ends quietly when nobody reads what %s prints', async (_, args, expected) => {
    const child = run(args, { BRIDGE_ASSERTION_SECRET: SECRET, REDIS_URL: redis.url });
    child.stdout?.destroy();
    expect(await ended(child)).toMatchObject({ code: expected, stderr: '' });
  });

  it('warns of a variable that it does not read, and names the one that was meant', async () => {
    const child = run([], {
      ...SERVED,
      REDIS_URL: redis.url,
      BRIDGE_PROT: '1',
      // The machine may have a low limit of open files.
      BRIDGE_MAX_CONNECTIONS: '100',
      BRIDGE_SERVICE_HOST: '10.0.0.1',
    });
    const lines: { level: number; name: string; nearest?: string; msg: string }[] = [];
    for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
      lines.push(JSON.parse(line) as (typeof lines)[number]);
      if (lines.at(-1)?.msg === 'listening') break;
    }
    expect(lines.filter(({ level }) => level >= 40)).toMatchObject([
      {
        variable: 'BRIDGE_PROT',
        nearest: 'BRIDGE_PORT',
        msg: expect.stringContaining('is ignored') as string,
      },
    ]);
    child.kill('SIGINT');
    await once(child, 'exit');
  });

  it('warns of a limit of open files under its cap on connections', async () => {
    const env = { ...SERVED, REDIS_URL: redis.url, BRIDGE_MAX_CONNECTIONS: '1000' };
    const [, warned] = await linesUntilEnd(runWithFiles(1000, env));
    expect(warned?.msg).toContain('may have 1000 files open, and BRIDGE_MAX_CONNECTIONS needs 1128');
  });

  it('says that it is closed last, after its version, and nothing of lost connections', async () => {
    const child = run([], { ...SERVED, REDIS_URL: redis.url, BRIDGE_MAX_CONNECTIONS: '100' });
    const lines = await linesUntilEnd(child);
    expect(lines[0]).toMatchObject({ msg: 'starting', node: process.version });
    expect(lines.at(-1)).toMatchObject({ msg: 'closed' });
    expect(lines.filter(({ level }) => level > 30)).toEqual([]);
  });

  it('goes on when nobody reads its log any more', async () => {
    const child = run([], { ...SERVED, REDIS_URL: redis.url });
    const { port } = await listening(child);
    const end = ended(child);
    child.stdout?.destroy();
    const clients = [
      await connect(`ws://127.0.0.1:${port}/ws/notifications`, ALICE),
      await connect(`ws://127.0.0.1:${port}/ws/notifications`, ALICE),
    ];
    child.kill('SIGTERM');
    for (const client of clients) expect(await client.closed).toBe(1012);
    expect(await end).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nobody reads the log') as string,
    });
  });

  it('on a port that is taken says so and ends with 1', async () => {
    const env = {
      BRIDGE_ASSERTION_SECRET: SECRET,
      BRIDGE_PORT: '0',
      BRIDGE_ADMIN_PORT: '0',
      REDIS_URL: redis.url,
    };
    const first = run([], env);
    const { port } = await listening(first);
    const { code, stderr } = await ended(run([], { ...env, BRIDGE_PORT: `${port}` }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ws-bridge: listen EADDRINUSE.*\n$/);
    const end = ended(first);
    first.kill('SIGTERM');
    await end;
  });
});

/** The log of one that is ended once it listens. */
async function linesUntilEnd(child: ChildProcess): Promise<{ level: number; msg: string }[]> {
  const lines: { level: number; msg: string }[] = [];
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    lines.push(JSON.parse(line) as (typeof lines)[number]);
    if (lines.at(-1)?.msg === 'listening') child.kill('SIGTERM');
  }
  return lines;
}

async function listening(child: ChildProcess): Promise<{ port: number }> {
  if (child.stdout === null) throw new Error('expected a pipe');
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { msg: string; port: number };
    if (entry.msg === 'listening') return entry;
  }
  throw new Error('ws-bridge ended before it listened');
}
