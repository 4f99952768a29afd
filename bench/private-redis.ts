import { join } from 'node:path';
import { REDIS_SERVER } from '../dev/redis-server';
import { serverPort } from './server-port';
import { ServerProcess } from './server-process';

/**
 * Starts a redis-server of this run's own: nothing is kept, the limits are its defaults.
 * @param more arguments, such as limits of its memory
 */
export async function privateRedis(folder: string, more: readonly string[] = []): Promise<ServerProcess> {
  const port = await serverPort();
  return ServerProcess.start({
    command: REDIS_SERVER,
    args: ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...more],
    port,
    logFile: join(folder, 'redis.log'),
  });
}
