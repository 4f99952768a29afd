import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisClient } from './client';

/** A script that Redis runs. */
export type Script = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/**
 * A script from a file, to be run over a connection of our own.
 * @param name of the script, which becomes a method of the connection
 */
export function loadScript(redis: RedisClient, folder: string, name: string): Script {
  const text = readFileSync(join(folder, `${name}.lua`), 'utf8');
  redis.defineCommand(name, { lua: text.replace(/^ *(?:--.*)?\n/gm, '') });
  const run = (redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name];
  if (run === undefined) throw new Error(`expected ioredis to define ${name}`);
  return (keys, args) => run.call(redis, keys.length, ...keys, ...args);
}
