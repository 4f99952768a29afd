import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { GatheredCalls } from './gathered-calls';
import type { Commands } from './publish';
import type { Claim, SessionStore } from './sessions';

const CLAIM_SESSIONS_LUA = readFileSync(join(__dirname, 'claim-sessions.lua'), 'utf8');

/** Claims in one call to Redis, at most. */
const MAX_CLAIMS_PER_CALL = 200;

type ClaimSessionsCommand = (keyCount: number, ...rest: (string | number)[]) => Promise<number[]>;

/**
 * The claims in Redis.
 * @param ttlMs how long a claim lasts, in milliseconds
 */
export function redisSessionStore(redis: Commands, ttlMs: number): SessionStore {
  redis.defineCommand('claimSessions', { lua: CLAIM_SESSIONS_LUA });
  const { claimSessions } = redis as unknown as { claimSessions: ClaimSessionsCommand };
  const call = async (claims: readonly Claim[]): Promise<readonly boolean[]> => {
    const keys = claims.map(({ key }) => key);
    const owners = claims.map(({ owner }) => owner);
    const answers = await claimSessions.call(redis, keys.length, ...keys, ttlMs, ...owners);
    return answers.map((answer) => answer === 1);
  };
  // In a cluster each session has a slot of its own.
  const calls = new GatheredCalls(call, redis instanceof Cluster ? 1 : MAX_CLAIMS_PER_CALL);
  return { claim: (claim) => calls.ask(claim) };
}
