import type { Redis } from 'ioredis';
import { doubts, type Finding } from './finding';

/**
 * What it means that one of these masters evicts keys. INFO is among the rights that the bridge needs, CONFIG is not.
 */
export async function checkEviction(masters: readonly Redis[]): Promise<readonly Finding[]> {
  const memories = await Promise.all(masters.map((master) => master.info('memory').catch(() => '')));
  const evicting = memories.map(evictingPolicy).find((policy) => policy !== undefined);
  return evicting === undefined ? [] : [doubts('memory', evictionText(evicting))];
}

/** The policy by which keys go before their time; undefined when there is none, no limit to begin at, or Redis does not say. */
function evictingPolicy(info: string): string | undefined {
  const policy = /^maxmemory_policy:([a-z-]+)/m.exec(info)?.[1];
  const limited = /^maxmemory:[1-9]/m.test(info);
  return limited && policy !== 'noeviction' ? policy : undefined;
}

function evictionText(policy: string): string {
  return (
    `maxmemory-policy ${policy} evicts: a revoked token (blacklist:…) may be admitted again, an AI session (ai:session:…) go to ` +
    'whoever asks next, a command run twice: use noeviction, or a Redis of its own'
  );
}
