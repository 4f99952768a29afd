import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Commands } from '../../redis/options';
import type { ReturnStore } from './returns';

const GRANT_RETURNS_LUA = readFileSync(join(__dirname, 'grant-returns.lua'), 'utf8');

type GrantReturns = (keyCount: number, ...rest: (string | number)[]) => Promise<number>;

/** The returns in Redis. */
export function redisReturnStore(redis: Commands): ReturnStore {
  redis.defineCommand('grantReturns', { lua: GRANT_RETURNS_LUA });
  const { grantReturns } = redis as unknown as { grantReturns: GrantReturns };
  return {
    grant: async (grants, lifetimeMs) => {
      await grantReturns.call(redis, grants.size, ...grants.keys(), lifetimeMs, ...grants.values());
    },
  };
}
