import type { Commands } from '../../redis/options';
import type { RedisNames } from '../redis/names';
import { placeholders, type ChannelTemplate } from '../routes/channel-template';
import type { Route } from '../routes/route';
import { atEachMaster, masterMap, type NobodysNames } from './each-master';
import { fails, holds, type Finding } from './finding';

/** A command of a script, with a key and arguments by which it changes nothing: it finds nothing, or fails for one of them. */
type Attempt = readonly [command: string, ...args: string[]];

type KeysOf = (nobody: string) => readonly string[];

/** The settings that say which rights are needed. */
export interface NeededRights {
  readonly commandStream: string;
  readonly maxConnectionsPerUser: number;
  readonly maxConnectionsPerTenant: number;
}

/** The rights of scripts, or of commands. */
interface ScriptRights {
  /** Who needs them, in words. */
  readonly needs: string;
  /** It is an operator's choice: that they are there is told as well. */
  readonly isChosen?: boolean;
  readonly isNeeded: (routes: readonly Route[], settings: NeededRights) => boolean;
  /** Those of each call, for one who is nobody: in a cluster they share a slot. The first is nobody's. */
  readonly keys: (names: RedisNames, routes: readonly Route[], settings: NeededRights) => readonly KeysOf[];
  readonly attempts: readonly Attempt[];
}

/** No member, no field. */
const NOTHING = 'ws-bridge doctor';
const NO_NUMBER = 'x';

const SCRIPTS: readonly ScriptRights[] = [
  {
    needs: 'a session',
    isNeeded: (routes) => routes.some(({ session }) => session),
    keys: (names) => [(nobody) => [names.session(nobody), names.sessionBridges(nobody)]],
    attempts: [
      ['get', 'KEY'],
      ['set', 'KEY', 'v', 'PX', NO_NUMBER],
      ['pexpire', 'KEY', NO_NUMBER],
    ],
  },
  {
    needs: 'a command',
    isNeeded: (routes) => routes.some(({ messages }) => messages === 'commands'),
    keys: (names, _, { commandStream }) => {
      const stream = names.commandStream(commandStream);
      const beside = [stream, names.commandLedger(stream)];
      return [
        (nobody) => [names.commandIds(stream, nobody), ...beside, names.tenantCommands(stream, nobody)],
      ];
    },
    attempts: [
      ['time'],
      ['lpos', 'KEY', NOTHING],
      ['exists', 'KEY'],
      ['get', 'KEY'],
      ['set', 'KEY', 'v', 'PX', NO_NUMBER],
      ['xadd', 'KEY', NO_NUMBER, 'f', 'v'],
      ['xtrim', 'KEY', 'MAXLEN', NO_NUMBER],
      ['zincrby', 'KEY', NO_NUMBER, NOTHING],
      ['zadd', 'KEY', NO_NUMBER, NOTHING],
      ['zrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zremrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['ltrim', 'KEY', NO_NUMBER, NO_NUMBER],
      ['pexpire', 'KEY', NO_NUMBER],
    ],
  },
  {
    needs: 'a cap on connections',
    isNeeded: (_, { maxConnectionsPerUser, maxConnectionsPerTenant }) =>
      maxConnectionsPerUser + maxConnectionsPerTenant > 0,
    keys: (names) => [(nobody) => [names.tenantConnections(nobody), names.userConnections(nobody, nobody)]],
    attempts: [
      ['time'],
      ['hgetall', 'KEY'],
      ['hmget', 'KEY', NOTHING],
      // Without the last value.
      ['hset', 'KEY', 'f', 'v', 'f'],
      ['hdel', 'KEY', NOTHING],
      ['pexpire', 'KEY', NO_NUMBER],
    ],
  },
  {
    needs: 'a handover',
    isNeeded: () => true,
    keys: (names) => [(nobody) => [names.handover(nobody)]],
    attempts: [
      ['set', 'KEY', 'v', 'PX', NO_NUMBER],
      ['getdel', 'KEY'],
    ],
  },
  {
    needs: '"presence" of a route',
    isChosen: true,
    isNeeded: (routes) => routes.some(({ presence }) => presence),
    keys: (names) => [() => names.presenceKeys],
    attempts: [
      ['time'],
      ['xadd', 'KEY', NO_NUMBER, 'f', 'v'],
      ['zscore', 'KEY', NOTHING],
      ['zrem', 'KEY', NOTHING],
      ['zlexcount', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zrangebylex', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zremrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zrange', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zadd', 'KEY', NO_NUMBER, NOTHING],
      ['hincrby', 'KEY', NOTHING, NO_NUMBER],
      ['hexists', 'KEY', NOTHING],
      ['hdel', 'KEY', NOTHING],
      ['pexpire', 'KEY', NO_NUMBER],
    ],
  },
  {
    needs: '"locks" of a route',
    isChosen: true,
    isNeeded: (routes) => routes.some(({ locks }) => locks),
    keys: (names) => [
      (nobody) => [
        names.documentLocks(nobody, names.control),
        names.tenantLocks(nobody),
        names.lastLockToken(nobody),
      ],
    ],
    attempts: [
      ['time'],
      ['hget', 'KEY', NOTHING],
      // Without the last value.
      ['hset', 'KEY', 'f', 'v', 'f'],
      ['hdel', 'KEY', NOTHING],
      ['hlen', 'KEY'],
      ['hgetall', 'KEY'],
      ['zadd', 'KEY', NO_NUMBER, NOTHING],
      ['zrem', 'KEY', NOTHING],
      ['zcount', 'KEY', NO_NUMBER, NO_NUMBER],
      ['zremrangebyscore', 'KEY', NO_NUMBER, NO_NUMBER],
      ['get', 'KEY'],
      ['set', 'KEY', 'v', 'PX', NO_NUMBER],
      ['pexpire', 'KEY', NO_NUMBER],
    ],
  },
  {
    needs: '"history" of a route',
    isChosen: true,
    isNeeded: (routes) => routes.some(({ history }) => history !== undefined),
    keys: (names, routes) =>
      routes.flatMap(({ history }) =>
        history === undefined ? [] : [(nobody: string) => [historyOf(names, history.key, nobody)]],
      ),
    attempts: [
      ['time'],
      ['xrevrange', 'KEY', NO_NUMBER, NO_NUMBER],
      ['xadd', 'KEY', NO_NUMBER, 'f', 'v'],
      ['pexpire', 'KEY', NO_NUMBER],
      ['info', 'replication'],
    ],
  },
];

function historyOf(names: RedisNames, key: ChannelTemplate, nobody: string): string {
  return names.history(key, Object.fromEntries(placeholders(key).map((name) => [name, nobody])));
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

/**
 * Whether the bridge's user may do in Redis all that its scripts do for these routes, in a cluster at each master. Nothing is changed,
 * so that RPUSH, and rights that a bridge can do without, are left out.
 */
export async function checkRights(
  commands: Commands,
  names: RedisNames,
  routes: readonly Route[],
  settings: NeededRights,
): Promise<readonly Finding[]> {
  const map = await masterMap(commands);
  const findings = await Promise.all(
    SCRIPTS.filter(({ isNeeded }) => isNeeded(routes, settings)).map((script) => {
      const calls = script.keys(names, routes, settings).flatMap((keysOf) => atEachMaster(map, keysOf));
      return checkScript(commands, script, calls);
    }),
  );
  return findings.filter((finding) => finding !== undefined);
}

async function checkScript(
  commands: Commands,
  { needs, isChosen = false, attempts }: ScriptRights,
  calls: readonly NobodysNames[],
): Promise<Finding | undefined> {
  const text = JSON.stringify(attempts);
  const verdicts = await Promise.all(calls.map((call) => faultOf(commands, call, text)));
  const faults = [...new Set(verdicts.filter((fault) => fault !== undefined))];
  if (faults.length > 0) return fails('rights', `${needs} ${faults.join(', ')}`, REMEDY);
  return isChosen ? holds('rights', `those that ${needs} needs are there`) : undefined;
}

/** The rights that a call lacks. */
async function faultOf(
  commands: Commands,
  { names: keys, master }: NobodysNames,
  attempts: string,
): Promise<string | undefined> {
  const where = master === undefined ? '' : ` at ${master}`;
  try {
    const failures = (await commands.eval(ATTEMPT_LUA, keys.length, ...keys, attempts)) as readonly string[];
    const missing = failures.filter(isDenied).map((failure) => `+${failure.split(' ', 1).join()}`);
    return missing.length === 0 ? undefined : `needs ${[...new Set(missing)].join(' ')}${where}`;
  } catch (error) {
    const { message } = error as Error;
    if (!message.includes('NOPERM')) throw error;
    return `cannot have its keys${where} (${message})`;
  }
}

const REMEDY = 'give the user the rights in docs/redis.md';
