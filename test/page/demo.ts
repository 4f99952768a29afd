import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** `npm start` as it runs. */
export interface Demo {
  /** Of the page, as it prints it. */
  readonly url: string;
  stop(): Promise<void>;
}

const MAX_ATTEMPTS = 20;

/**
 * Starts what `npm start` does, on free ports.
 * @param tokenIntervalMs between two tokens of an answer
 */
export async function startDemo(tokenIntervalMs: number): Promise<Demo> {
  for (let attempt = 1; ; attempt += 1) {
    const child = launch(tokenIntervalMs);
    const kill = (): void => void child.kill('SIGTERM');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const started = await pageOf(child);
    if ('url' in started) return { url: started.url, stop: () => stop(child) };
    if (attempt === MAX_ATTEMPTS || !started.said.includes('is in use')) {
      throw new Error(`npm start ended before the page was served: ${started.said}`);
    }
  }
}

function launch(tokenIntervalMs: number) {
  // Below the range of ports that the system gives to outgoing connections, so that none takes the bridge's while it
  // restarts.
  const port = randomInt(15_000, 32_000);
  return spawn(process.execPath, [join(__dirname, '../../dist/dev/start.js')], {
    env: {
      PATH: process.env['PATH'],
      GATEWAY_PORT: String(port),
      BRIDGE_PORT: String(port + 1),
      BRIDGE_ADMIN_PORT: String(port + 2),
      DEMO_TOKEN_INTERVAL_MS: String(tokenIntervalMs),
      // On a busy machine a bridge may be slow to hand over.
      BRIDGE_HANDOVER_TIMEOUT_MS: '20000',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function pageOf(
  child: ChildProcess & { readonly stdout: Readable; readonly stderr: Readable },
): Promise<{ readonly url: string } | { readonly said: string }> {
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  return new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, url] = /^page\s+(http:\S+)/.exec(line) ?? [];
      if (url !== undefined) resolve({ url });
    });
    child.once('close', () => {
      resolve({ said });
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
