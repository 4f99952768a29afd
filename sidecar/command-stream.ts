import type { Commands } from './publish';
import type { RedisNames } from './redis-names';

/** Where commands go and how much is kept. */
export interface CommandStreamSettings {
  /** Without its prefix. */
  readonly commandStream: string;
  readonly commandStreamMaxLength: number;
  /** How long a command's id is remembered, in milliseconds. */
  readonly commandIdTtlMs: number;
}

/**
 * Adds an entry unless its id was used: both in one step, so that a command whose answer was lost can be sent
 * again and is not run twice. The id is remembered last: an entry that is refused leaves none behind.
 */
const ADD_ONCE = `
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1
`;

/**
 * Adds an entry to the command stream.
 * @param onceKey what it is remembered by; undefined adds it however often it comes
 * @returns whether it was added now, rather than before
 * @throws when Redis does not confirm it
 */
export async function addCommand(
  redis: Commands,
  names: RedisNames,
  { commandStream, commandStreamMaxLength, commandIdTtlMs }: CommandStreamSettings,
  entry: readonly string[],
  onceKey: string | undefined,
): Promise<boolean> {
  const stream = names.commandStream(commandStream);
  if (onceKey === undefined) {
    await redis.xadd(stream, 'MAXLEN', '~', commandStreamMaxLength, '*', ...entry);
    return true;
  }
  // EVAL rather than EVALSHA: a script sent again after NOSCRIPT would overtake or be overtaken.
  const added = await redis.eval(
    ADD_ONCE,
    2,
    stream,
    names.rememberedCommand(stream, onceKey),
    commandStreamMaxLength,
    commandIdTtlMs,
    ...entry,
  );
  return added === 1;
}
