import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { REDIS_SERVER } from '../../dev/redis-server';
import { endedAtExit } from './at-exit';

/** A process of the Redis that is tested, a child of this one. */
export interface RedisProcess {
  readonly pid: number;
  /** Kills it with SIGKILL and resolves once it is gone. */
  kill(): Promise<void>;
}

const children = endedAtExit<ChildProcess>((child) => {
  child.kill('SIGKILL');
});

/** The port is somebody else's. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

/**
 * Runs {@link REDIS_SERVER} and resolves once it prints `readyLine`.
 * @param folder where it works: it loads the dump.rdb that it finds there, so no other server has the same one
 * @throws PortTakenError, or Error when it is not on PATH or ends before that (with what it printed)
 */
export async function runRedis(
  args: readonly string[],
  folder: string,
  readyLine = 'Ready to accept connections',
): Promise<RedisProcess> {
  const child = spawn(REDIS_SERVER, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
  });
  await printed(child, readyLine);
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function printed(child: ChildProcess, readyLine: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const got: string[] = [];
    const { stdout } = child;
    if (stdout === null) throw new TypeError('expected a piped stdout');
    createInterface({ input: stdout }).on('line', (line) => {
      if (got.length < 100) got.push(line);
      if (line.includes(readyLine)) resolve();
    });
    child.once('error', (cause) => {
      reject(
        new Error(
          `cannot run ${REDIS_SERVER}: install it (apt-get install redis-server), or name a server with REDIS_SERVER`,
          { cause },
        ),
      );
    });
    child.once('close', () => {
      const text = got.join('\n');
      const taken = text.includes('Address already in use') || text.includes('Failed listening');
      reject(new (taken ? PortTakenError : Error)(`${REDIS_SERVER} ended before it was ready:\n${text}`));
    });
  });
}

const MAX_ATTEMPTS = 20;

/** Tries ports until `run` finds one that is free; a cluster's node takes the one 10,000 above as well. */
export async function onFreePort<T>(run: (port: number) => Promise<T>): Promise<T> {
  let failure: unknown;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    try {
      // Below the range of ports that the system gives to outgoing connections, so that none
      // takes the port while the server is away.
      return await run(randomInt(12_000, 22_000));
    } catch (error) {
      failure = error;
      if (!(error instanceof PortTakenError)) break;
    }
  }
  throw failure;
}
