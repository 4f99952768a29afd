import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CapStore } from './connection-caps';
import type { Commands } from './publish';

const CONNECTION_CAPS_LUA = readFileSync(join(__dirname, 'connection-caps.lua'), 'utf8');

type ConnectionCapsCommand = (keyCount: number, ...rest: (string | number)[]) => Promise<number>;

/**
 * The counts in Redis.
 * @param bridgeId under what this bridge counts; no other bridge may have it
 * @param leaseMs how long what it says counts, in milliseconds
 */
export function redisCapStore(redis: Commands, bridgeId: string, leaseMs: number): CapStore {
  redis.defineCommand('connectionCaps', { lua: CONNECTION_CAPS_LUA });
  const { connectionCaps } = redis as unknown as { connectionCaps: ConnectionCapsCommand };
  return {
    put: async (counts, ask) => {
      const keys = counts.map(({ key }) => key);
      const figures = counts.flatMap(({ held, max }) => [held, max]);
      const args = [bridgeId, leaseMs, ask ? 1 : 0, ...figures];
      const full = await connectionCaps.call(redis, keys.length, ...keys, ...args);
      return full === 0 ? undefined : full - 1;
    },
  };
}
