import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { isRefusedWrite } from '../../redis/refused-write';
import { GatheredCalls } from './gathered-calls';
import type { Commands } from '../redis/publish';
import { UnclaimableSessionError, type Claim, type SessionStore } from './sessions';

const CLAIM_SESSIONS_LUA = readFileSync(join(__dirname, 'claim-sessions.lua'), 'utf8');
const OWNED_SESSIONS_LUA = readFileSync(join(__dirname, 'owned-sessions.lua'), 'utf8');

/** Claims in one call to Redis, at most. */
const MAX_CLAIMS_PER_CALL = 200;

type SessionsCommand = (keyCount: number, ...rest: (string | number)[]) => Promise<number[]>;

/** The claimant's own is 1, somebody else's 0, and nobody's -1: Redis takes no claim now. */
type Owned = 1 | 0 | -1;

/**
 * The claims in Redis. While it takes no writes a session that has an owner is its owner's, and one that has none is nobody's.
 * @param ttlMs how long a claim lasts, in milliseconds
 */
export function redisSessionStore(redis: Commands, ttlMs: number): SessionStore {
  redis.defineCommand('claimSessions', { lua: CLAIM_SESSIONS_LUA });
  redis.defineCommand('ownedSessions', { lua: OWNED_SESSIONS_LUA });
  const commands = redis as unknown as Readonly<Record<'claimSessions' | 'ownedSessions', SessionsCommand>>;
  const run = async (name: keyof typeof commands, claims: readonly Claim[]): Promise<readonly Owned[]> => {
    const args = [...claims.map(({ key }) => key), ttlMs, ...claims.map(({ owner }) => owner)];
    return (await commands[name].call(redis, claims.length, ...args)) as Owned[];
  };
  const lookUp = (claims: readonly Claim[]): Promise<readonly Owned[]> => run('ownedSessions', claims);
  const claimAll = async (claims: readonly Claim[]): Promise<readonly Owned[]> => {
    try {
      return await run('claimSessions', claims);
    } catch (error) {
      if (!isRefusedWrite(error)) throw error;
      return lookUp(claims);
    }
  };
  // In a cluster each session has a slot of its own.
  const maxItems = redis instanceof Cluster ? 1 : MAX_CLAIMS_PER_CALL;
  const lookUps = new GatheredCalls(lookUp, maxItems);
  const calls = new GatheredCalls(claimAll, maxItems);
  return {
    isForeign: async (claim) => (await lookUps.ask(claim)) === 0,
    claim: async (claim) => {
      const owned = await calls.ask(claim);
      if (owned === -1) throw new UnclaimableSessionError();
      return owned === 1;
    },
  };
}
