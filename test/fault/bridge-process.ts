import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SECRET } from '../sidecar/fixture';
import type { Backend } from './gateway';

const PROGRAM = join(__dirname, '../../dist/sidecar/bin/ws-bridge.js');

/** A bridge as it is shipped, in a process of its own. */
export class BridgeProcess implements Backend {
  readonly port: number;
  readonly adminPort: number;
  /** Settles with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { port, adminPort }: Backend) {
    this.#child = child;
    this.port = port;
    this.adminPort = adminPort;
    this.ended = endOf(child);
  }

  /**
   * Starts one on free ports; `env` adds to its environment.
   * @throws Error when it is not built, or ends before it listens
   */
  static async start(redisUrl: string, env: Readonly<Record<string, string>>): Promise<BridgeProcess> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: npm run build`);
    const child = spawn(process.execPath, [PROGRAM], {
      cwd: '/',
      env: {
        PATH: process.env['PATH'],
        BRIDGE_HOST: '127.0.0.1',
        BRIDGE_PORT: '0',
        BRIDGE_ADMIN_HOST: '127.0.0.1',
        BRIDGE_ADMIN_PORT: '0',
        BRIDGE_ASSERTION_SECRET: SECRET,
        REDIS_URL: redisUrl,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const killAtExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killAtExit);
    child.once('exit', () => process.off('exit', killAtExit));
    return new BridgeProcess(child, await listening(child));
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** One of its gauges, summed over its labels. */
  async gauge(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))];
    if (values.length === 0) throw new Error(`no gauge ${name}`);
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  }
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals];
  return code ?? signal;
}

function listening(child: ChildProcess): Promise<Backend> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      reject(new Error(`ws-bridge ended with ${code ?? 'a signal'} before it listened`));
    });
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Backend & { readonly msg: string };
      if (entry.msg === 'listening') resolve(entry);
    });
  });
}
