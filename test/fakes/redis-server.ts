import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

/** A private redis-server, a child of this process, with no persistence, on 127.0.0.1. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Of the running server; changes with each restart, for SIGSTOP and SIGCONT. */
  readonly pid: number;
  /** Kills the server and resolves once it is gone. Its data are gone with it. */
  stop(): Promise<void>;
  /** Stops the server if it runs, then starts an empty one on the same port. */
  restart(): Promise<void>;
}

const MAX_ATTEMPTS = 20;

/**
 * Starts a redis-server on a free port and resolves once it accepts connections.
 * @throws Error when redis-server is not on PATH, or ends before it is ready (with what it printed)
 */
export async function startRedis(): Promise<RedisServer> {
  const { child, port } = await launchOnFreePort();
  let running: ChildProcess | undefined = child;
  const killAtExit = (): void => void running?.kill('SIGKILL');
  process.once('exit', killAtExit);

  const stop = async (): Promise<void> => {
    const stopping = running;
    running = undefined;
    process.off('exit', killAtExit);
    if (stopping === undefined) return;
    if (stopping.exitCode !== null || stopping.signalCode !== null) return;
    const gone = once(stopping, 'exit');
    stopping.kill('SIGKILL');
    await gone;
  };

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      if (running?.pid === undefined) throw new Error('redis-server is stopped');
      return running.pid;
    },
    stop,
    restart: async () => {
      await stop();
      running = await launch(port);
      process.once('exit', killAtExit);
    },
  };
}

async function launchOnFreePort(): Promise<{ child: ChildProcess; port: number }> {
  let failure: unknown;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    // Below the range of ports that the system gives to outgoing connections, so that none
    // takes the port while the server is away.
    const port = randomInt(15_000, 32_000);
    try {
      return { child: await launch(port), port };
    } catch (error) {
      failure = error;
      if (!(error instanceof PortTakenError)) break;
    }
  }
  throw failure;
}

class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

function launch(port: number): Promise<ChildProcess> {
  const args = ['--port', `${port}`, '--save', '', '--bind', '127.0.0.1', '--dir', tmpdir()];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    const printed: string[] = [];
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      if (printed.length < 100) printed.push(line);
      if (line.includes('Ready to accept connections')) resolve(child);
    });
    child.once('error', (cause) => {
      reject(new Error('cannot run redis-server: install it (apt-get install redis-server)', { cause }));
    });
    child.once('close', () => {
      const text = printed.join('\n');
      const taken = text.includes('Address already in use');
      reject(new (taken ? PortTakenError : Error)(`redis-server ended before it was ready:\n${text}`));
    });
  });
}
