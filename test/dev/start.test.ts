import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setInterval } from 'node:timers';
import { eventually } from '../sidecar/fixture';
import { freePortsInARow } from './free-ports';

const ROOT = join(__dirname, '../..');
const DIST = join(ROOT, 'dist/dev');

/** `npm start` as it runs, and what it has said. */
interface Started {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** The line to try it with. */
  readonly tryLine: string;
}

let running: ChildProcess | undefined;
afterEach(async () => {
  if (running?.exitCode !== null || running.signalCode !== null) return;
  const ended = once(running, 'exit');
  running.kill('SIGTERM');
  await ended;
});

// The shipped scripts: `npm test` builds them first.
describe('npm start', () => {
  it('brings everything up; the line that it prints asks a question and gets an answer', async () => {
    const { lines, tryLine } = await start(await freePorts());
    expect(lines.join('\n')).toContain('not Kong');
    const answer = await shell(tryLine.replace('npm run -s chat --', `node ${join(DIST, 'chat.js')}`));
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    expect(answer.stdout).toContain('You asked: “How was revenue?”. Revenue came to');
    expect(answer.stdout).toContain('SELECT region');
  });

  it('prints a token that works, and refuses one that has expired', async () => {
    const ports = await freePorts();
    const { lines } = await start(ports);
    const printed = lines.find((line) => /^ey[\w-]+\.[\w-]+\.[\w-]+$/.test(line)) ?? '';
    const { stdout: expired } = await shell(`node ${join(DIST, 'token.js')} --ttl -100`);
    const chat = `node ${join(DIST, 'chat.js')} --url ws://127.0.0.1:${ports.GATEWAY_PORT}`;
    expect(await shell(`${chat} --token ${printed} hello`)).toMatchObject({ code: 0 });
    const refused = await shell(`${chat} --token ${expired.trim()} hello`);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^refused: 401 Unauthorized .*expired/);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('ends every child on %s', async (signal) => {
    const { child } = await start(await freePorts());
    const children = childrenOf(child);
    expect(children).toHaveLength(6);
    const ended = once(child, 'exit');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(children.filter(isAlive)).toEqual([]);
  });

  // --ignore-scripts: built before, and not by several at once.
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'ends every child when npm, which runs it, gets %s',
    async (signal) => {
      const { child } = await start(await freePorts(), {
        command: 'npm',
        args: ['start', '--ignore-scripts'],
      });
      const everyone = descendantsOf(child.pid ?? 0);
      expect(everyone.length).toBeGreaterThanOrEqual(7);
      child.kill(signal);
      await eventually(() => everyone.filter(isAlive).length === 0);
    },
    60_000,
  );

  it('ends at once on a second signal, when a child does not end', async () => {
    const { child } = await start(await freePorts());
    const children = childrenOf(child);
    process.kill(children.at(-1) ?? 0, 'SIGSTOP');
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    // A signal that comes sooner is the same Ctrl-C, passed on by the terminal and by npm. One that was slow to
    // take the first may take the next for the same as well.
    const again = setInterval(() => child.kill('SIGINT'), 1_000);
    expect(await ended).toEqual([1, null]);
    clearInterval(again);
    await eventually(() => children.filter(isAlive).length === 0);
  });

  it('ends every child when nobody reads what it says', async () => {
    const child = launch(await freePorts());
    child.stdout.destroy();
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(descendantsOf(child.pid ?? 0)).toEqual([]);
  });

  it('loads no dump.rdb from the folder that it is typed in', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'typed-in-'));
    writeFileSync(join(folder, 'dump.rdb'), 'what another Redis, of another version, left here');
    const { lines } = await start(await freePorts(), { cwd: folder });
    rmSync(folder, { recursive: true });
    expect(lines.join('\n')).toContain('page ');
  });

  it('waits for the Redis of REDIS_URL so long as it says, then ends with code 1', async () => {
    // Not one that the system may give to somebody's outgoing connection meanwhile.
    const [free = 0] = await freePortsInARow(1);
    const REDIS_URL = `redis://me:sesame@127.0.0.1:${free}`;
    const { code, stdout, stderr } = await shell(`node ${join(DIST, 'start.js')}`, {
      ...(await freePorts()),
      REDIS_URL,
    });
    const where = REDIS_URL.replace('redis://me:sesame@', '');
    expect(code).toBe(1);
    expect(stdout).toBe(`waiting for Redis at ${where} (REDIS_URL), 10 seconds at most\n`);
    expect(stderr).toBe(
      `Redis at ${where} (REDIS_URL): not there after 10 seconds: connect ECONNREFUSED ${where}\n`,
    );
  });

  it.each(['JWT_SECRET', 'ASSERTION_SECRET'])('says that %s is too short', async (name) => {
    const { code, stderr } = await shell(`node ${join(DIST, 'start.js')}`, { [name]: 'sesame' });
    expect(code).toBe(1);
    expect(stderr).toBe(`${name}: expected at least 32 bytes, got 6\n`);
  });

  it('reports a child that dies, with what it said, and ends with code 1', async () => {
    const { child } = await start(await freePorts());
    const children = childrenOf(child);
    const [, , bridge] = children;
    const said = collect(child.stderr);
    const ended = once(child, 'close');
    process.kill(bridge ?? 0, 'SIGKILL');
    expect(await ended).toEqual([1, null]);
    expect(said.join('\n')).toMatch(/^ws-bridge was ended by SIGKILL; it said:\n.*"msg":"listening"/s);
    expect(children.filter(isAlive)).toEqual([]);
  });

  it('says in one line which ports are in use, and which are free', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const ports = { ...(await freePorts()), BRIDGE_PORT: String(port) };
    const { code, stderr } = await shell(`node ${join(DIST, 'start.js')}`, ports);
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^port ${port} \\(BRIDGE_PORT\\) is in use; free is BRIDGE_PORT=\\d+\n$`),
    );
  });

  it('says in one line what to install when there is no redis-server', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'path-'));
    symlinkSync(process.execPath, join(folder, 'node'));
    const { code, stderr } = await shell(`node ${join(DIST, 'start.js')}`, {
      ...(await freePorts()),
      PATH: folder,
    });
    rmSync(folder, { recursive: true });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^redis-server is not on PATH: install it \(apt-get install redis-server\).*\n$/);
  });

  it('says in one line what REDIS_SERVER must name', async () => {
    const { code, stderr } = await shell(`node ${join(DIST, 'start.js')}`, {
      ...(await freePorts()),
      REDIS_SERVER: '/nowhere/valkey-server',
    });
    expect([code, stderr]).toEqual([
      1,
      'REDIS_SERVER: expected the path of a program, got /nowhere/valkey-server\n',
    ]);
  });
});

type Ports = Readonly<Record<'GATEWAY_PORT' | 'BRIDGE_PORT' | 'BRIDGE_ADMIN_PORT', string>>;

async function freePorts(): Promise<Ports> {
  const [GATEWAY_PORT = '', BRIDGE_PORT = '', BRIDGE_ADMIN_PORT = ''] = (await freePortsInARow(3)).map(
    String,
  );
  return { GATEWAY_PORT, BRIDGE_PORT, BRIDGE_ADMIN_PORT };
}

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', ...more };
}

interface Launch {
  readonly command?: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
}

function launch(
  ports: Ports,
  { command = process.execPath, args = [join(DIST, 'start.js')], cwd = ROOT }: Launch = {},
) {
  const child = spawn(command, args, { cwd, env: environment({ ...ports, DEMO_TOKEN_INTERVAL_MS: '1' }) });
  running = child;
  const kill = (): void => void child.kill('SIGTERM');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}

async function start(ports: Ports, how: Launch = {}): Promise<Started> {
  const child = launch(ports, how);
  const errors = collect(child.stderr);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith('npm run -s chat')) return { child, lines, tryLine: line };
  }
  throw new Error(`npm start ended: ${errors.join('\n')}`);
}

function collect(stream: NodeJS.ReadableStream | null): string[] {
  const lines: string[] = [];
  if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  return lines;
}

function shell(
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile('/bin/sh', ['-c', line], { env: environment(env) }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

/** In the order in which they were started: redis, gatekeeper, bridge, gateway, AI service, feeds. */
function childrenOf({ pid = 0 }: Pick<ChildProcess, 'pid'>): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

function descendantsOf(pid: number): number[] {
  const children = isAlive(pid) ? childrenOf({ pid }) : [];
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** One that has ended and that nobody has asked for is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
