import { join } from 'node:path';
import type { Place } from '../peer';
import { ServerProcess } from '../server-process';

/** The repository, from dist/bench/peers. */
export const ROOT = join(__dirname, '../../..');

/** Starts a compiled script, named from dist/. */
export function nodeServer(
  script: string,
  { port, folder, nodeFlags }: Place,
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  return ServerProcess.start({
    command: process.execPath,
    args: [...nodeFlags, join(ROOT, 'dist', script)],
    env,
    port,
    logFile: join(folder, `${script.replaceAll('/', '-')}.log`),
  });
}

/** The environment of the servers in this folder. */
export function peerEnvironment({ port, redisPort }: Place): Record<string, string> {
  return { PORT: `${port}`, REDIS_PORT: `${redisPort}` };
}
