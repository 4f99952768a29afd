import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePortsInARow } from '../../dev/free-ports';
import { KongWorker } from '../../fakes/kong-worker';
import { rawConfig } from '../fixture';

const BIN = join(__dirname, '../../../dist/plugin/bin/ws-gatekeeper.js');

interface Running {
  readonly process: ChildProcess;
  /** Resolves once it has logged a line with one of these in it. */
  logged(...texts: readonly string[]): Promise<void>;
}

let folder: string;
let socket: string;
const running: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  socket = join(folder, 'gk.sock');
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(folder, { recursive: true });
});

function start(port: number): Running {
  const child = spawn(process.execPath, [BIN, '--socket', socket, '--admin-port', `${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    lines.push(line);
    for (const look of waiting) look(line);
  });
  return {
    process: child,
    logged: (...texts) =>
      new Promise((resolve) => {
        const look = (line: string): void => {
          if (texts.some((text) => line.includes(text))) resolve();
        };
        waiting.push(look);
        lines.forEach(look);
      }),
  };
}

/** One that nobody else takes until the gatekeeper listens on it. */
async function freePort(): Promise<number> {
  const [port = 0] = await freePortsInARow(1);
  return port;
}

async function decisions(port: number): Promise<number> {
  // Over a connection of its own: the last one was to whoever had the port then.
  const headers = { Connection: 'close' };
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  return Number(/^ws_gatekeeper_decisions_total\{outcome="no_token"\} (\d+)$/m.exec(text)?.[1]);
}

describe('the admin port', () => {
  it('goes to the gatekeeper that takes the socket over, while the one before is still there', async () => {
    const port = await freePort();
    const old = start(port);
    await old.logged('"listening"');
    const kong = new KongWorker(socket, rawConfig());
    await kong.upgrade({ upgrade: 'websocket' });
    expect(await decisions(port)).toBe(1);

    const next = start(port);
    // On a busy machine the one before may have let go of it by the first try.
    await next.logged('"serving metrics"', `"adminPort":${port},"workers"`);
    expect(old.process.exitCode).toBeNull();
    expect(await decisions(port)).toBe(0);
    kong.close();
  });

  it('that another program has is waited for, and Kong is served meanwhile', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    const gatekeeper = start(port);
    await gatekeeper.logged('"listening"');
    const kong = new KongWorker(socket, rawConfig());
    await kong.upgrade({ upgrade: 'websocket' });
    other.close();
    await gatekeeper.logged('"serving metrics"');
    expect(await decisions(port)).toBe(1);
    kong.close();
  });
});
