import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePortsInARow } from './free-ports';

const DIST = join(__dirname, '../../dist/dev');

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

  it.each(['SIGINT', 'SIGTERM'] as const)('ends every child on %s', async (signal) => {
    const { child } = await start(await freePorts());
    const children = childrenOf(child);
    expect(children).toHaveLength(6);
    const ended = once(child, 'exit');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(children.filter(isAlive)).toEqual([]);
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

  it('says in one line that a port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const ports = { ...(await freePorts()), BRIDGE_PORT: String(port) };
    const { code, stderr } = await shell(`node ${join(DIST, 'start.js')}`, ports);
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toBe(`port ${port} is in use; choose another with BRIDGE_PORT=${port + 1}\n`);
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

async function start(ports: Ports): Promise<Started> {
  const child = spawn(process.execPath, [join(DIST, 'start.js')], {
    env: environment({ ...ports, DEMO_TOKEN_INTERVAL_MS: '1' }),
  });
  running = child;
  process.once('exit', () => child.kill('SIGTERM'));
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
function childrenOf({ pid = 0 }: ChildProcess): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
