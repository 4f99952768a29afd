import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { configWith, startFixture, type Fixture } from './fixture';
import { requestRaw, upgradeLines } from './raw-client';

const SERVER = join(__dirname, '../../node_modules/kong-pdk/bin/kong-js-pluginserver');
const PLUGINS = ['-d', join(__dirname, '../fixtures/stock-plugins')];
// kong-pdk registers ts-node, which would read the repository's tsconfig.json.
const cwd = '/';

// kong-pdk's own plugin server, over MsgPack.
describe('the stock plugin server', () => {
  let fixture: Fixture;
  let server: ChildProcess;

  beforeAll(async () => {
    const dump = execFileSync(process.execPath, [SERVER, ...PLUGINS, '--dump-all-plugins'], { cwd });
    fixture = await startFixture({
      dump: JSON.parse(dump.toString()),
      config: configWith({ name: 'tenant-gate' }),
    });
    server = await startServer(fixture.socketPath);
  });
  afterAll(async () => {
    await kill(server);
    await fixture.stop();
  });

  it('admits, and its headers replace what the client forged', async () => {
    const lines = upgradeLines('/ws', ['X-Token: acme', 'X-Tenant-Id: FORGED']);
    const { status, headers } = await requestRaw(fixture.gateway.port, lines);
    expect(status).toBe(101);
    expect(headers.get('x-gate')).toBe('open');
    expect(fixture.upstream.last.headers).toMatchObject({ 'x-tenant-id': 'T-acme', 'x-both': '1, 2' });
  });

  it('refuses with its own answer', async () => {
    const before = fixture.upstream.requests.length;
    const { status, headers, body } = await requestRaw(fixture.gateway.port, upgradeLines('/ws'));
    expect([status, body]).toEqual([401, '{"message":"no token"}']);
    expect(headers.get('www-authenticate')).toBe('Token');
    expect(fixture.upstream.requests).toHaveLength(before);
  });

  it('throws: the request goes upstream as the client sent it', async () => {
    const lines = upgradeLines('/ws', ['X-Token: throw', 'X-Tenant-Id: FORGED']);
    expect((await requestRaw(fixture.gateway.port, lines)).status).toBe(101);
    expect(fixture.upstream.last.headers['x-tenant-id']).toBe('FORGED');
  });

  it('dead: the request goes upstream as the client sent it; started again: it decides again', async () => {
    await kill(server);
    const forged = upgradeLines('/ws', ['X-Token: acme', 'X-Tenant-Id: FORGED']);
    expect((await requestRaw(fixture.gateway.port, forged)).status).toBe(101);
    expect(fixture.upstream.last.headers['x-tenant-id']).toBe('FORGED');
    server = await startServer(fixture.socketPath);
    expect((await requestRaw(fixture.gateway.port, forged)).status).toBe(101);
    expect(fixture.upstream.last.headers['x-tenant-id']).toBe('T-acme');
    expect(fixture.log).toContain('warn: no plugin instance #0');
  });
});

async function startServer(socketPath: string): Promise<ChildProcess> {
  const where = ['-p', dirname(socketPath), '--sock-name', basename(socketPath)];
  const child = spawn(process.execPath, [SERVER, ...PLUGINS, ...where], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('server started')) return child;
  }
  throw new Error('the stock server ended before it listened');
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
