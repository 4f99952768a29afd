import type { Redis } from 'ioredis';
import { checkMemory } from '../../redis/memory-check';
import { doubts, type Finding } from './finding';

/** Finds whether the memory of these masters endangers the keys that they keep. */
export async function checkEviction(masters: readonly Redis[]): Promise<readonly Finding[]> {
  const doubt = await checkMemory(masters);
  return doubt === undefined ? [] : [doubts('memory', doubt.text)];
}
