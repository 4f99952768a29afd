import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRefusedWrite } from '../../redis/refused-write';
import type { QuotaStore } from './tenant-quota';
import type { Commands } from '../../redis/options';

const CONNECTION_CAPS_LUA = readFileSync(join(__dirname, 'connection-caps.lua'), 'utf8');

type ConnectionCapsCommand = (keyCount: number, ...rest: (string | number)[]) => Promise<number[]>;

/**
 * The counts in Redis. While it takes no writes, permits are given by this bridge's own counts and those that the
 * others said last.
 * @param bridgeId under what this bridge counts; no other bridge may have it
 * @param leaseMs how long what it says counts, in milliseconds
 */
export function redisQuotaStore(redis: Commands, bridgeId: string, leaseMs: number): QuotaStore {
  redis.defineCommand('connectionCaps', { lua: CONNECTION_CAPS_LUA });
  const { connectionCaps } = redis as unknown as { connectionCaps: ConnectionCapsCommand };
  return {
    put: async (counts, asks) => {
      const keys = counts.map(({ key }) => key);
      const figures: number[] = [];
      for (const { held, max } of counts) figures.push(held, max);
      // Lua counts from 1, and 0 is no limit.
      for (const limits of asks) figures.push((limits[0] ?? -1) + 1, (limits[1] ?? -1) + 1);
      const call = (writes: 0 | 1): Promise<number[]> =>
        connectionCaps.call(redis, keys.length, ...keys, bridgeId, leaseMs, writes, ...figures);
      const full = await call(1).catch((error: unknown) => {
        if (isRefusedWrite(error)) return call(0);
        throw error;
      });
      return full.map((number) => (number === 0 ? undefined : number - 1));
    },
  };
}
