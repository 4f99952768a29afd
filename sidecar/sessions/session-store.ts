import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { isRefusedWrite } from '../../redis/refused-write';
import { UnclaimableSessionError, type Claim, type SessionStore, type Standing } from './sessions';
import { halves, isOfOneItem } from '../../redis/refused-item';
import type { Commands } from '../../redis/options';

/** A call that takes several items and answers each, in their order. */
type Call<Item, Answer> = (items: readonly Item[]) => Promise<readonly Answer[]>;

interface Asked<Item, Answer> {
  readonly item: Item;
  readonly answer: (answer: Answer) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * Makes one call of all that is asked for in a turn of the event loop, at the turn's end. A call that is refused for one of its
 * items is taken apart, so that only that one fails.
 */
export class GatheredCalls<Item, Answer> {
  readonly #call: Call<Item, Answer>;
  readonly #maxItems: number;
  #asked: Asked<Item, Answer>[] = [];

  /** @param maxItems in one call, at most */
  constructor(call: Call<Item, Answer>, maxItems: number) {
    this.#call = call;
    this.#maxItems = maxItems;
  }

  /** Settles as the call does that the item goes with. */
  ask(item: Item): Promise<Answer> {
    return new Promise<Answer>((answer, fail) => {
      if (this.#asked.push({ item, answer, fail }) > 1) return;
      setImmediate(() => {
        const asked = this.#asked;
        this.#asked = [];
        for (let start = 0; start < asked.length; start += this.#maxItems) {
          void this.#make(asked.slice(start, start + this.#maxItems));
        }
      });
    });
  }

  async #make(asked: readonly Asked<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#call(asked.map(({ item }) => item));
      for (let index = 0; index < asked.length; index += 1) asked[index]?.answer(answers[index] as Answer);
    } catch (reason) {
      if (asked.length > 1 && isOfOneItem(reason)) {
        for (const half of halves(asked)) void this.#make(half);
        return;
      }
      for (const { fail } of asked) fail(reason);
    }
  }
}

const CLAIM_SESSIONS_LUA = readFileSync(join(__dirname, 'claim-sessions.lua'), 'utf8');
const OWNED_SESSIONS_LUA = readFileSync(join(__dirname, 'owned-sessions.lua'), 'utf8');

/** Anything else there is no bridge, and no channel's name is made of it. */
const BRIDGE_ID = /^[0-9a-f]{16}$/;

/** Claims in one call to Redis, at most. */
const MAX_CLAIMS_PER_CALL = 200;

type SessionsCommand = (keyCount: number, ...rest: (string | number)[]) => Promise<(number | string)[]>;

/** Newly the claimant's is 2, the claimant's as before 1, somebody else's 0, and nobody's -1: Redis takes no claim now. */
type Owned = 2 | 1 | 0 | -1;

/** A script's answer about a session. */
interface Found {
  readonly owned: Owned;
  readonly bridges: readonly string[];
}

/** How long the store keeps something, in milliseconds. */
export interface SessionTimes {
  /** A claim that nobody renews. */
  readonly ttlMs: number;
  /** Where the frames of a session are, once no bridge says so any more. */
  readonly bridgesTtlMs: number;
}

/**
 * The claims in Redis. While it takes no writes a session that has an owner is its owner's, and one that has none is nobody's.
 * @param bridgeId of the bridge that claims
 */
export function redisSessionStore(
  redis: Commands,
  bridgeId: string,
  { ttlMs, bridgesTtlMs }: SessionTimes,
): SessionStore {
  redis.defineCommand('claimSessions', { lua: CLAIM_SESSIONS_LUA });
  redis.defineCommand('ownedSessions', { lua: OWNED_SESSIONS_LUA });
  const commands = redis as unknown as Readonly<Record<'claimSessions' | 'ownedSessions', SessionsCommand>>;
  const run = async (name: keyof typeof commands, claims: readonly Claim[]): Promise<readonly Found[]> => {
    const keys = [...claims.map(({ key }) => key), ...claims.map(({ bridgesKey }) => bridgesKey)];
    const items = claims.flatMap(({ owner, keeps }) => [owner, keeps]);
    const times = [ttlMs, bridgesTtlMs];
    const answers = await commands[name].call(redis, keys.length, ...keys, ...times, bridgeId, ...items);
    return claims.map((_, index) => foundOf(answers, index));
  };
  const lookUp = (claims: readonly Claim[]): Promise<readonly Found[]> => run('ownedSessions', claims);
  const claimAll = async (claims: readonly Claim[]): Promise<readonly Found[]> => {
    try {
      return await run('claimSessions', claims);
    } catch (error) {
      if (!isRefusedWrite(error)) throw error;
      return lookUp(claims);
    }
  };
  // In a cluster each session has a slot of its own.
  const maxItems = redis instanceof Cluster ? 1 : MAX_CLAIMS_PER_CALL;
  const lookUps = new GatheredCalls(
    async (claims: readonly Claim[]) => (await lookUp(claims)).map(standingOf),
    maxItems,
  );
  const calls = new GatheredCalls(claimAll, maxItems);
  return {
    lookUp: (claim) => lookUps.ask(claim),
    claim: (claim) => calls.ask(claim).then(claimedOf),
  };
}

function foundOf(answers: readonly (number | string)[], index: number): Found {
  const bridges = String(answers[2 * index + 1]);
  return {
    owned: answers[2 * index] as Owned,
    bridges: bridges === '' ? [] : bridges.split(' ').filter((bridge) => BRIDGE_ID.test(bridge)),
  };
}

/** @throws UnclaimableSessionError */
function claimedOf(found: Found): Standing {
  if (found.owned === -1) throw new UnclaimableSessionError();
  return standingOf(found);
}

function standingOf({ owned, bridges }: Found): Standing {
  return { isForeign: owned === 0, isNew: owned === 2 || owned === -1, bridges };
}
