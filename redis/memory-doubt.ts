/** The keys that a Redis keeps: an eviction means more or less by what they are. Limits may go: they begin anew. */
export type KeptKeys = 'all' | 'revocations' | 'limits';

/** A doubt about a Redis's memory that its operator should know. */
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
 * @returns undefined when keys that matter stay for as long as they are meant to and there is room, or no limit
 */
export function memoryDoubt(info: string, keeps: KeptKeys = 'all'): MemoryDoubt | undefined {
  const policy = /^maxmemory_policy:([a-z-]+)/m.exec(info)?.[1];
  const [maxBytes, usedBytes] = [bytesOf('maxmemory', info), bytesOf('used_memory', info)];
  if (policy === undefined || maxBytes === undefined) return unreadMemory('INFO has no maxmemory_policy');
  if (maxBytes === 0) return undefined;
  if (policy !== 'noeviction') {
    const loss = LOSSES[keeps];
    return loss === undefined
      ? undefined
      : { kind: 'evicts', text: `maxmemory-policy ${policy} evicts: ${loss}` };
  }
  if (usedBytes === undefined || usedBytes < maxBytes) return undefined;
  const text = `maxmemory (${maxBytes} bytes) is reached and nothing is evicted: Redis takes no new ${NEW_KEYS[keeps]} until it has room`;
  return { kind: 'full', text: `${text}: raise maxmemory, or see what fills it` };
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

const LOSSES: Readonly<Record<KeptKeys, string | undefined>> = {
  all:
    'a revoked token (blacklist:…) may be admitted again, an AI session (ai:session:…) get another owner, a command run twice. ' +
    'Use noeviction, or a Redis of its own. For revoked tokens that is revocation.redis of the plugin',
  revocations: 'a revoked token (blacklist:…) may be admitted again: use noeviction',
  limits: undefined,
};

const NEW_KEYS: Readonly<Record<KeptKeys, string>> = {
  all: 'session, command or limit',
  revocations: 'revoked token',
  limits: 'limit',
};
