import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { freePortsInARow } from '../dev/free-ports';

/** `npm start` as it runs. */
export interface Demo {
  /** The page's URL, as `npm start` prints it. */
  readonly url: string;
  /** The URL of the Redis behind it, for those who publish as a service does. */
  readonly redisUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts what `npm start` does, on free ports.
 * @param tokenIntervalMs between two tokens of an answer
 */
export async function startDemo(tokenIntervalMs: number): Promise<Demo> {
  const child = launch(await freePortsInARow(3), tokenIntervalMs);
  const kill = (): void => void child.kill('SIGTERM');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const { url, redisUrl } = await addressesOf(child);
  return { url, redisUrl, stop: () => stop(child) };
}

function launch(ports: readonly number[], tokenIntervalMs: number) {
  const [GATEWAY_PORT, BRIDGE_PORT, BRIDGE_ADMIN_PORT] = ports.map(String);
  return spawn(process.execPath, [join(__dirname, '../../dist/dev/start.js')], {
    env: {
      ...{ PATH: process.env['PATH'], GATEWAY_PORT, BRIDGE_PORT, BRIDGE_ADMIN_PORT },
      DEMO_TOKEN_INTERVAL_MS: String(tokenIntervalMs),
      // On a busy machine a bridge may be slow to hand over.
      BRIDGE_HANDOVER_TIMEOUT_MS: '20000',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function addressesOf(
  child: ChildProcess & { readonly stdout: Readable; readonly stderr: Readable },
): Promise<Pick<Demo, 'url' | 'redisUrl'>> {
  let said = '';
  let url: string | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      url ??= /^page\s+(http:\S+)/.exec(line)?.[1];
      const [, redis] = /^redis\s+(\S+)/.exec(line) ?? [];
      if (url !== undefined && redis !== undefined) resolve({ url, redisUrl: `redis://${redis}` });
    });
    child.once('close', () => {
      reject(new Error(`npm start ended before the page was served: ${said}`));
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
