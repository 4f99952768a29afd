import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const FILE = join(__dirname, 'answer-worker.cjs');

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A line of a worker. */
export interface WorkerLine {
  readonly ready?: true;
  readonly begins?: string;
  readonly attempt?: number;
  readonly fault?: string;
}

/** A worker of the built package, in a process of its own. */
export class WorkerProcess {
  /** Its lines so far. */
  readonly said: WorkerLine[] = [];
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #child: ChildProcess;

  private constructor(env: Readonly<Record<string, string>>) {
    const options = { env: { PATH: process.env['PATH'], ...env } };
    this.#child = spawn(process.execPath, [FILE], { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
    const child = this.#child;
    running.add(child);
    this.ended = once(child, 'exit').then(([code, signal]) => {
      running.delete(child);
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  /** Starts one that answers `atMostOnce` and `atLeastOnce`, the types, as they say. */
  static async start(redisUrl: string, env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
    const worker = new WorkerProcess({ REDIS_URL: redisUrl, ...env });
    const { stdout } = worker.#child;
    if (stdout === null) throw new Error('expected a pipe');
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => worker.said.push(JSON.parse(line) as WorkerLine));
    await once(lines, 'line');
    return worker;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
