import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Commands } from '../../redis/options';
import type { RedisNames } from '../redis/names';
import type { PresenceStore } from './presence';

const TELL_PRESENCE_LUA = readFileSync(join(__dirname, 'tell-presence.lua'), 'utf8');

/** Over so long a tenant's share that is used up is free again, in milliseconds. */
export const SHARE_WINDOW_MS = 60_000;
/** So long Redis remembers who listened once no bridge tells it anything, in milliseconds. */
export const FORGOTTEN_MS = 86_400_000;

/** How presence is kept. */
export interface PresenceSettings {
  /** So long a bridge that tells nothing more counts, in milliseconds. */
  readonly leaseMs: number;
  /** So long a topic's last listener has to be gone, in milliseconds. */
  readonly lingerMs: number;
  /** About so many entries the stream keeps. */
  readonly maxEntries: number;
  /** So many topics of a tenant may get their first listener at once; 0 for any number. */
  readonly tenantJoins: number;
}

type TellPresence = (keyCount: number, ...rest: (string | number)[]) => Promise<number[]>;

/** The presence in Redis: all of it is in the slot of the stream. */
export function redisPresenceStore(
  redis: Commands,
  names: RedisNames,
  { leaseMs, lingerMs, maxEntries, tenantJoins }: PresenceSettings,
): PresenceStore {
  redis.defineCommand('tellPresence', { lua: TELL_PRESENCE_LUA });
  const { tellPresence } = redis as unknown as { tellPresence: TellPresence };
  const keys = names.presenceKeys;
  const settings = [leaseMs, lingerMs, maxEntries, tenantJoins, SHARE_WINDOW_MS, FORGOTTEN_MS];
  return {
    tell: async ({ name, told, heard, unheard }) => {
      const args = [name, told, ...settings, heard.length, ...heard, ...unheard];
      const answer = await tellPresence.call(redis, keys.length, ...keys, ...args);
      const [nextMs = -1, joined = 0, left = 0, ...deferred] = answer;
      if (answer.length === 0) return 'unknown';
      return {
        ...{ joined, left },
        // Lua counts from 1.
        deferred: deferred.flatMap((place) => heard[place - 1] ?? []),
        nextMs: nextMs < 0 ? undefined : nextMs,
      };
    },
  };
}
