import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Commands } from '../../redis/options';
import type { RedisNames } from '../redis/names';
import type { LockAnswer, LockRefusal, LockStore } from './lock-store';

const [TAKE_LOCK_LUA, RENEW_LOCKS_LUA, LIST_LOCKS_LUA] = ['take-lock', 'renew-locks', 'list-locks'].map(
  (name) => readFileSync(join(__dirname, `${name}.lua`), 'utf8'),
) as [string, string, string];

/** So long Redis keeps the names of locks once no bridge tells it anything, in milliseconds: longer than any lease may be. */
export const FORGOTTEN_MS = 3_600_000;
/** Locks in one call to Redis, at most. */
export const MAX_LOCKS_PER_CALL = 200;

/** How locks are kept. */
export interface LockStoreSettings {
  /** So long a lock counts that is not renewed, in milliseconds. */
  readonly leaseMs: number;
  /** So long it counts once its socket is gone, in milliseconds. */
  readonly lingerMs: number;
  /** Locks of a document, at most. */
  readonly maxPerDocument: number;
  /** Locks of a tenant, at most. */
  readonly maxPerTenant: number;
}

/**
 * Lets a tenant's calls wait for each other, and not another's for them.
 * @param bytes that the call is about
 * @throws when it waited too long, or what `send` throws
 */
export type TakeTurn = <T>(tenantId: string, bytes: number, send: () => Promise<T>) => Promise<T>;

type Script = (keyCount: number, ...rest: (string | number)[]) => Promise<(string | number)[]>;

/** The locks in Redis: all of a tenant are in one slot. */
export function redisLockStore(
  redis: Commands,
  names: RedisNames,
  { leaseMs, lingerMs, maxPerDocument, maxPerTenant }: LockStoreSettings,
  takeTurn: TakeTurn,
): LockStore {
  redis.defineCommand('takeLock', { lua: TAKE_LOCK_LUA });
  redis.defineCommand('renewLocks', { lua: RENEW_LOCKS_LUA });
  redis.defineCommand('listLocks', { lua: LIST_LOCKS_LUA });
  const scripts = redis as unknown as Readonly<Record<'takeLock' | 'renewLocks' | 'listLocks', Script>>;
  const call = (
    script: keyof typeof scripts,
    tenantId: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<(string | number)[]> => {
    const bytes = args.reduce<number>((sum, arg) => sum + Buffer.byteLength(`${arg}`), 0);
    return takeTurn(tenantId, bytes, () => scripts[script].call(redis, keys.length, ...keys, ...args));
  };
  return {
    take: async (claim) => {
      const { tenantId, channel, name, holder, userId } = claim;
      const keys = [
        names.documentLocks(tenantId, channel),
        names.tenantLocks(tenantId),
        names.lastLockToken(tenantId),
      ];
      const times = [leaseMs, Math.max(leaseMs, lingerMs)];
      const limits = [maxPerDocument, maxPerTenant];
      const args = [name, holder, userId, channel, ...times, ...limits, FORGOTTEN_MS];
      return answerOf(await call('takeLock', tenantId, keys, args));
    },
    extend: async (locks, ms) => {
      const [first] = locks;
      if (first === undefined) return [];
      const { tenantId } = first;
      const keys = locks.map(({ channel }) => names.documentLocks(tenantId, channel));
      const items = locks.flatMap(({ name, token, channel }) => [name, token, channel]);
      const all = [names.tenantLocks(tenantId), ...keys];
      const lost = await call('renewLocks', tenantId, all, [ms, FORGOTTEN_MS, ...items]);
      // Lua counts from 1.
      return lost.flatMap((place) => locks[Number(place) - 1] ?? []);
    },
    list: async ({ tenantId, channel }) => {
      const key = names.documentLocks(tenantId, channel);
      const [nextMs = -1, ...rest] = await call('listLocks', tenantId, [key], []);
      const locks = Array.from({ length: rest.length / 2 }, (_, index) => ({
        name: String(rest[2 * index]),
        user: String(rest[2 * index + 1]),
      }));
      return { locks, nextMs: Number(nextMs) < 0 ? undefined : Number(nextMs) };
    },
  };
}

function answerOf([first = '', had]: readonly (string | number)[]): LockAnswer {
  return had === undefined ? (first as LockRefusal) : { token: String(first), hadIt: had === 1 };
}
