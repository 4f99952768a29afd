import type { Redis } from 'ioredis';
import { checkMemory } from '../../redis/memory-check';
import { doubts, type Finding } from './finding';

/** What the memory of these masters means for what they keep. */
export async function checkEviction(masters: readonly Redis[]): Promise<readonly Finding[]> {
  const doubt = await checkMemory(masters);
  return doubt === undefined ? [] : [doubts('memory', doubt.text)];
}
