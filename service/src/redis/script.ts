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
  redis.defineCommand(name, { lua: textOf(folder, name) });
  const run = (redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name];
  if (run === undefined) throw new Error(`expected ioredis to define ${name}`);
  return (keys, args) => run.call(redis, keys.length, ...keys, ...args);
}

/**
 * A script that goes out whole each time. One that Redis is asked for by its digest, and has forgotten, is sent again behind what
 * was sent since: runs would change places.
 */
export function orderedScript(redis: RedisClient, folder: string, name: string): Script {
  const text = textOf(folder, name);
  return (keys, args) => redis.eval(text, keys.length, ...keys, ...args);
}

function textOf(folder: string, name: string): string {
  return readFileSync(join(folder, `${name}.lua`), 'utf8').replace(/^ *(?:--.*)?\n/gm, '');
}
