import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { processTree } from '../process-tree';
import type { Gateway, GatewayPlace, RunningGateway } from './gateway';
import { kongEnvironment } from './kong-environment';

const run = promisify(execFile);

/** Milliseconds that Kong may take to start, and to end after SIGTERM. */
const START_MS = 60_000;
const STOP_MS = 5_000;
const POLL_MS = 20;

/** A real Kong. @param command its `kong` */
export async function kong(command: string): Promise<Gateway> {
  const { stdout } = await run(command, ['version'], { timeout: START_MS });
  return {
    title: `Kong ${stdout.trim()}`,
    hasBundledPlugins: true,
    start: (place) => KongProcess.start(command, place),
  };
}

/** Kong with a prefix in the trial's folder. It puts itself into the background, so its number is in a file. */
class KongProcess implements RunningGateway {
  readonly pid: number;
  readonly port: number;
  readonly #errorLog: string;
  readonly #killAtExit: () => void;

  private constructor(pid: number, port: number, errorLog: string) {
    this.pid = pid;
    this.port = port;
    this.#errorLog = errorLog;
    this.#killAtExit = () => {
      kill(pid);
    };
    process.once('exit', this.#killAtExit);
  }

  static async start(command: string, place: GatewayPlace): Promise<KongProcess> {
    const settings = join(place.folder, 'kong.conf');
    // Else it would read what this machine has in /etc/kong.
    await writeFile(settings, '');
    const env = kongEnvironment(place);
    const prefix = join(place.folder, 'kong');
    await run(command, ['start', '-c', settings], {
      env: { ...process.env, ...env },
      cwd: place.folder,
      timeout: START_MS,
    });
    const pid = Number(await readFile(join(prefix, 'pids/nginx.pid'), 'latin1'));
    return new KongProcess(pid, place.port, join(prefix, 'logs/error.log'));
  }

  expectRunning(): void {
    if (isRunning(this.pid)) return;
    throw new Error(`Kong ended: ${readFileSync(this.#errorLog, 'utf8').slice(-2000)}`);
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killAtExit);
    if (!isRunning(this.pid)) return;
    process.kill(this.pid, 'SIGTERM');
    const deadline = Date.now() + STOP_MS;
    while (isRunning(this.pid)) {
      if (Date.now() > deadline) kill(this.pid);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** By force, with its workers. */
function kill(pid: number): void {
  if (!isRunning(pid)) return;
  for (const one of processTree(pid)) process.kill(one, 'SIGKILL');
}
