import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../dev/ports';

/** `npm start` as it runs. */
export interface Demo {
  /** Of the page, as it prints it. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts what `npm start` does, on free ports.
 * @param tokenIntervalMs between two tokens of an answer
 */
export async function startDemo(tokenIntervalMs: number): Promise<Demo> {
  const child = spawn(process.execPath, [join(__dirname, '../../dist/dev/start.js')], {
    env: {
      PATH: process.env['PATH'],
      GATEWAY_PORT: String(await freePort()),
      BRIDGE_PORT: String(await freePort()),
      BRIDGE_ADMIN_PORT: String(await freePort()),
      DEMO_TOKEN_INTERVAL_MS: String(tokenIntervalMs),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGTERM');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  const [url] = await new Promise<string[]>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /^page\s+(http:\S+)/.exec(line)?.slice(1);
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => {
      reject(new Error(`npm start ended with ${code ?? 'a signal'} before the page was served`));
    });
  });
  return { url: url ?? '', stop };
}
