import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePortsInARow } from '../dev/free-ports';
import { until } from '../fault/until';

/** The folder of the example in Python. */
export const AI_SERVICE = join(__dirname, '../../docs/examples/ai-service');
const IMPORTS = 'import redis.asyncio, fastapi, uvicorn';
const PATIENCE_MS = 60_000;

const { PYTHON, REQUIRE_PYTHON } = process.env;
const python = (PYTHON === undefined ? ['python3', '/usr/bin/python3'] : [PYTHON]).find(
  (path) => spawnSync(path, ['-c', IMPORTS]).status === 0,
);

/** Whether this machine has a Python that can run the example; where it has none, a line says so. @throws where one is required */
export function hasPython(): boolean {
  if (python !== undefined) return true;
  const missing = 'needs Python with redis, fastapi and uvicorn (sh dev/setup.sh python)';
  if (REQUIRE_PYTHON === '1') throw new Error(`docs/examples/ai-service ${missing}`);
  process.stderr.write(`docs/examples/ai-service is not tried here: it ${missing}\n`);
  return false;
}

const running = new Set<AiService>();
process.once('exit', () => {
  for (const { child } of running) child.kill('SIGKILL');
});

/** One process of the example. */
export class AiService {
  readonly child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
    running.add(this);
  }

  /** Starts one by the command of its README, and waits until it is ready. */
  static async start(redisUrl: string, env: Readonly<Record<string, string>> = {}): Promise<AiService> {
    const [port = 0] = await freePortsInARow(1);
    const child = spawn(
      python ?? '',
      ['-m', 'uvicorn', 'service:app', '--port', `${port}`, '--log-level', 'warning'],
      {
        cwd: AI_SERVICE,
        env: { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1', REDIS_URL: redisUrl, ...env },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const service = new AiService(child, port);
    const isReady = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    if (!(await until(isReady, PATIENCE_MS))) throw new Error('expected the service to be ready');
    return service;
  }

  /** Ends it with a signal, unless it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if ((child.exitCode ?? child.signalCode) === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    running.delete(this);
  }

  /** Ends all that run. */
  static async endAll(): Promise<void> {
    await Promise.all([...running].map((service) => service.end('SIGKILL')));
  }
}

/** The process that has the one command of a stream, whose consumer's name begins with its id. */
export async function ownerOf(redis: {
  call(command: string, ...args: string[]): Promise<unknown>;
}): Promise<number> {
  const rows = (await redis.call('XPENDING', 'ai:commands', 'python', '-', '+', '1')) as [string, string][];
  return Number.parseInt(rows[0]?.[1] ?? '', 10);
}
