import { ReplyError, type Redis } from 'ioredis';

/**
 * Resolves with an answer of Redis, which comes behind all that it sent before. A refusal is an answer: a Redis that cannot save what it
 * has refuses `PING` (`MISCONF`), and delivers all the same.
 * @throws when none comes
 */
export async function hearAnswer(redis: Pick<Redis, 'ping'>): Promise<void> {
  try {
    await redis.ping();
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
  }
}
