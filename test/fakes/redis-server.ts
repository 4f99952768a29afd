import { makeOwnFolder } from './own-folder';
import { onFreePort, runRedis, type RedisProcess } from './redis-process';

/** A private redis-server, a child of this process, with no persistence, in a folder of its own, on 127.0.0.1. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** The running server's, for SIGSTOP and SIGCONT; it changes with each restart. */
  readonly pid: number;
  /** Kills the server and resolves once it is gone. Its data are gone with it. */
  stop(): Promise<void>;
  /** Stops the server if it runs, then starts an empty one on the same port. */
  restart(): Promise<void>;
}

/**
 * Starts a redis-server on a free port and resolves once it accepts connections.
 * @param args more of its command line; `port` is what it listens on
 * @throws Error when redis-server is not on PATH, or ends before it is ready (with what it printed)
 */
export async function startRedis(args: (port: number) => readonly string[] = onPort): Promise<RedisServer> {
  const run = (port: number): Promise<RedisProcess> =>
    runEmpty(['--save', '', '--bind', '127.0.0.1', ...args(port)]);
  const { port, first } = await onFreePort(async (tried) => ({ port: tried, first: await run(tried) }));
  let running: RedisProcess | undefined = first;

  const stop = async (): Promise<void> => {
    const stopping = running;
    running = undefined;
    await stopping?.kill();
  };

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      if (running === undefined) throw new Error('redis-server is stopped');
      return running.pid;
    },
    stop,
    restart: async () => {
      await stop();
      running = await run(port);
    },
  };
}

function onPort(port: number): readonly string[] {
  return ['--port', `${port}`];
}

/** Runs one that finds nothing where it works, whoever kept data anywhere. */
async function runEmpty(args: readonly string[]): Promise<RedisProcess> {
  const folder = makeOwnFolder('redis-');
  try {
    const redis = await runRedis(args, folder.path);
    return {
      pid: redis.pid,
      kill: async () => {
        await redis.kill();
        await folder.remove();
      },
    };
  } catch (cause) {
    await folder.remove();
    throw cause;
  }
}
