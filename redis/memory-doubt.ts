/** What the operator of a Redis should know of its memory. */
export interface MemoryDoubt {
  /**
   * - `evicts`: keys go before their time once it is full
   * - `full`: none go, and it has no room left
   * - `unread`: it does not say which
   */
  readonly kind: 'evicts' | 'full' | 'unread';
  /** For a log and a terminal. */
  readonly text: string;
}

/**
 * Judges what a Redis says of its memory.
 * @param info its answer to `INFO memory`
 * @returns undefined when keys stay for as long as they are meant to and there is room, or no limit
 */
export function memoryDoubt(info: string): MemoryDoubt | undefined {
  const policy = /^maxmemory_policy:([a-z-]+)/m.exec(info)?.[1];
  const [maxBytes, usedBytes] = [bytesOf('maxmemory', info), bytesOf('used_memory', info)];
  if (policy === undefined || maxBytes === undefined) return unreadMemory('INFO has no maxmemory_policy');
  if (maxBytes === 0) return undefined;
  if (policy !== 'noeviction') return { kind: 'evicts', text: evicting(policy) };
  return usedBytes !== undefined && usedBytes >= maxBytes
    ? { kind: 'full', text: `maxmemory (${maxBytes} bytes) is reached and ${FULL}` }
    : undefined;
}

/** A Redis that does not say. @param reason in its own words */
export function unreadMemory(reason: string): MemoryDoubt {
  return {
    kind: 'unread',
    text: `whether Redis evicts keys could not be read (${reason}): see that its maxmemory-policy is noeviction`,
  };
}

/** The gravest of several servers' doubts. */
export function gravestDoubt(doubts: readonly (MemoryDoubt | undefined)[]): MemoryDoubt | undefined {
  const byKind = (kind: MemoryDoubt['kind']) => doubts.find((doubt) => doubt?.kind === kind);
  return byKind('evicts') ?? byKind('full') ?? byKind('unread');
}

function bytesOf(name: string, info: string): number | undefined {
  const digits = new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function evicting(policy: string): string {
  return (
    `maxmemory-policy ${policy} evicts: a revoked token (blacklist:…) may be admitted again, an AI session (ai:session:…) go to ` +
    'whoever asks next, a command run twice: use noeviction, or a Redis of its own, for revoked tokens revocation.redis of the plugin'
  );
}

const FULL =
  'nothing is evicted: Redis takes no new session, command or limit until it has room: raise maxmemory, or see what fills it';
