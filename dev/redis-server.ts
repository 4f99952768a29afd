import { env } from 'node:process';

/** What is run where a Redis is started: the path that `REDIS_SERVER` gives, of a Valkey perhaps, or redis-server on PATH. */
export const REDIS_SERVER =
  env['REDIS_SERVER'] === '' ? 'redis-server' : (env['REDIS_SERVER'] ?? 'redis-server');
