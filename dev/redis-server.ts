import { env } from 'node:process';

/** The program that starts as a Redis: the path that `REDIS_SERVER` gives, of a Valkey perhaps, or redis-server on PATH. */
export const REDIS_SERVER =
  env['REDIS_SERVER'] === '' ? 'redis-server' : (env['REDIS_SERVER'] ?? 'redis-server');
