import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import type { Commands } from '../../redis/options';

const APPEND_LUA = readFileSync(join(__dirname, '../../docs/examples/append-and-publish.lua'), 'utf8');

/** How much a service keeps of a history. */
export interface Kept {
  readonly frames?: number;
  readonly seconds?: number;
}

/** Appends a frame to the history of a channel and publishes it. @returns how many heard it */
export type Append = (key: string, channel: string, frame: string | Buffer, kept?: Kept) => Promise<number>;

/** A service's way to append, with the documented script. */
export function appendTo(redis: Commands): Append {
  const verb = redis instanceof Cluster ? 'SPUBLISH' : 'PUBLISH';
  return async (key, channel, frame, { frames = 1000, seconds = 600 } = {}) =>
    Number(await redis.eval(APPEND_LUA, 1, key, verb, channel, frame, frames, seconds));
}
