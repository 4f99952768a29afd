import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PATIENT, SECRET } from '../fixture';

const BIN = join(__dirname, '../../../dist/sidecar/bin/ws-bridge.js');

/** A line of its log. */
export interface Line {
  readonly msg: string;
  readonly port: number;
  readonly adminPort: number;
  readonly worker?: number;
  readonly workerPid?: number;
  readonly user?: string;
  readonly outcome?: string;
  readonly reason?: string;
}

/** ws-bridge with two workers, as it is shipped. */
export class BridgeWithWorkers {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  /** Its standard error so far. */
  stderr = '';
  readonly #news = new EventEmitter();

  constructor(redisUrl: string, env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [BIN], {
      env: {
        PATH: process.env['PATH'],
        BRIDGE_WORKERS: '2',
        BRIDGE_HOST: '127.0.0.1',
        BRIDGE_PORT: '0',
        BRIDGE_ADMIN_PORT: '0',
        BRIDGE_ASSERTION_SECRET: SECRET,
        ...PATIENT,
        BRIDGE_LOG_LEVEL: 'debug',
        REDIS_URL: redisUrl,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    createInterface({ input: this.child.stdout ?? process.stdin }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      this.#news.emit('line');
    });
  }

  /** The first line for which this holds after so many lines. */
  async line(holds: string | ((line: Line) => boolean), after = 0): Promise<Line> {
    const is = typeof holds === 'string' ? ({ msg }: Line) => msg === holds : holds;
    for (;;) {
      const found = this.lines.slice(after).find(is);
      if (found !== undefined) return found;
      await once(this.#news, 'line');
    }
  }

  /** Resolves when all workers listen. */
  async start(): Promise<this> {
    await Promise.race([this.line('listening'), this.#failed()]);
    return this;
  }

  /** Where it listens: `ws://…` of the traffic port, `http://…` of the admin port. */
  get url(): string {
    return `ws://127.0.0.1:${this.#listening.port}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#listening.adminPort}`;
  }

  /** The processes of its workers, by number; of each the latest. */
  get workers(): readonly number[] {
    const listening = this.lines.filter(({ msg }) => msg === 'worker listening');
    const latest = new Map(listening.map(({ worker = 0, workerPid = 0 }) => [worker, workerPid]));
    return [...latest].sort(([one], [other]) => one - other).map(([, pid]) => pid);
  }

  /** Sends a signal to a worker, by its number. */
  signal(worker: number, signal: NodeJS.Signals): void {
    const pid = this.workers[worker - 1];
    if (pid === undefined || pid === 0) throw new Error(`expected a worker ${worker}`);
    process.kill(pid, signal);
  }

  /** The number of the worker that decided the latest upgrade of a user. */
  async deciderOf(user: string, after = 0): Promise<number> {
    const { worker = 0 } = await this.line((line) => line.msg === 'upgrade' && line.user === user, after);
    return worker;
  }

  /** A series of `/metrics`, summed over its labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill(signal);
    if (signal === 'SIGKILL') this.child.kill('SIGCONT');
    await exit;
  }

  get #listening(): Line {
    const line = this.lines.find(({ msg }) => msg === 'listening');
    if (line === undefined) throw new Error('expected a bridge that listens');
    return line;
  }

  async #failed(): Promise<never> {
    await once(this.child, 'close');
    throw new Error(`ws-bridge ended before it listened: ${this.stderr}`);
  }
}

/** Resolves when a process is gone. */
export async function gone(pid: number): Promise<void> {
  // Orphans have no parent that could be told.
  while (existsSync(`/proc/${pid}/cmdline`)) await new Promise(setImmediate);
}
