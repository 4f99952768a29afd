import type { Commands } from '../../redis/options';
import type { RedisNames } from '../redis/names';
import { placeholders, type ChannelTemplate } from '../routes/channel-template';
import type { Route } from '../routes/route';
import { fails, holds, type Finding } from './finding';

/** A command of a script, with a key and arguments by which it changes nothing: it finds nothing, or fails for one of them. */
type Attempt = readonly [command: string, ...args: string[]];

/** The rights of a script that a route's setting needs. */
interface ScriptRights {
  readonly setting: 'presence' | 'locks' | 'history';
  /** Those of each call: in a cluster they share a slot. */
  readonly keys: (names: RedisNames, routes: readonly Route[]) => readonly (readonly string[])[];
  readonly attempts: readonly Attempt[];
}

const NOBODY = 'ws-bridge doctor';
const NO_NUMBER = 'x';

const SCRIPTS: readonly ScriptRights[] = [
  {
    setting: 'presence',
    keys: (names) => [names.presenceKeys],
    attempts: [
      ['time'],
      ['xadd', 'KEY', NO_NUMBER, 'f', 'v'],
      ['zscore', 'KEY', NOBODY],
      ['zrem', 'KEY', NOBODY],
      ['zlexcount', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zrangebylex', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zremrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zrange', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zadd', 'KEY', NO_NUMBER, NOBODY],
      ['hincrby', 'KEY', NOBODY, NO_NUMBER],
      ['hexists', 'KEY', NOBODY],
      ['hdel', 'KEY', NOBODY],
      ['pexpire', 'KEY', NO_NUMBER],
    ],
  },
  {
    setting: 'locks',
    // This tenant has none.
    keys: (names) => [
      [names.documentLocks(NOBODY, names.control), names.tenantLocks(NOBODY), names.lastLockToken(NOBODY)],
    ],
    attempts: [
      ['time'],
      ['hget', 'KEY', NOBODY],
      // Without the last value.
      ['hset', 'KEY', 'f', 'v', 'f'],
      ['hdel', 'KEY', NOBODY],
      ['hlen', 'KEY'],
      ['hgetall', 'KEY'],
      ['zadd', 'KEY', NO_NUMBER, NOBODY],
      ['zrem', 'KEY', NOBODY],
      ['zcount', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zremrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['get', 'KEY'],
      ['set', 'KEY', 'v', 'PX', NO_NUMBER],
      ['pexpire', 'KEY', NO_NUMBER],
    ],
  },
  {
    setting: 'history',
    // Those of channels that nobody has.
    keys: (names, routes) =>
      routes.flatMap(({ history }) => (history === undefined ? [] : [[historyOfNobody(names, history.key)]])),
    attempts: [
      ['time'],
      ['xrevrange', 'KEY', NO_NUMBER, NO_NUMBER],
      ['xadd', 'KEY', NO_NUMBER, 'f', 'v'],
      ['pexpire', 'KEY', NO_NUMBER],
      ['info', 'replication'],
    ],
  },
];

function historyOfNobody(names: RedisNames, key: ChannelTemplate): string {
  return names.history(key, Object.fromEntries(placeholders(key).map((name) => [name, NOBODY])));
}

/** Answers each command that failed, with Redis's words. A script is denied as a whole when it may not have one of its keys. */
const ATTEMPT_LUA = `
local failures = {}
for _, attempt in ipairs(cjson.decode(ARGV[1])) do
  if attempt[2] == 'KEY' then attempt[2] = KEYS[1] end
  local answer = redis.pcall(unpack(attempt))
  if type(answer) == 'table' and answer.err then failures[#failures + 1] = attempt[1] .. ' ' .. answer.err end
end
return failures`;

/** Whether a command of a script failed for its user's rights: as Redis 7.0 says it, and as Redis from 7.2 and Valkey do. */
export function isDenied(failure: string): boolean {
  return /can't run this command|ACL failure in script|NOPERM/.test(failure);
}

/** Whether the bridge's user may do in Redis all that the scripts for `presence`, `locks` and `history` do. Nothing is changed. */
export async function checkRights(
  commands: Commands,
  names: RedisNames,
  routes: readonly Route[],
): Promise<readonly Finding[]> {
  const needed = SCRIPTS.filter(({ setting }) => routes.some((route) => Boolean(route[setting])));
  return Promise.all(
    needed.map(({ setting, keys, attempts }) =>
      checkScript(commands, setting, keys(names, routes), JSON.stringify(attempts)),
    ),
  );
}

async function checkScript(
  commands: Commands,
  setting: ScriptRights['setting'],
  calls: readonly (readonly string[])[],
  attempts: string,
): Promise<Finding> {
  try {
    const answers = await Promise.all(
      calls.map((keys) => commands.eval(ATTEMPT_LUA, keys.length, ...keys, attempts)),
    );
    const denied = (answers as readonly (readonly string[])[]).flat().filter(isDenied);
    const missing = [...new Set(denied.map((failure) => `+${failure.split(' ', 1).join()}`))];
    if (missing.length === 0) return holds('rights', `those that "${setting}" of a route needs are there`);
    return fails('rights', `"${setting}" of a route needs ${missing.join(' ')}`, REMEDY);
  } catch (error) {
    const { message } = error as Error;
    if (!message.includes('NOPERM')) throw error;
    return fails('rights', `"${setting}" of a route cannot have its keys (${message})`, REMEDY);
  }
}

const REMEDY = 'give the user the rights in docs/redis.md';
