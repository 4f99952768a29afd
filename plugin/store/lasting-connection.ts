import { Redis } from 'ioredis';
import { giveUp, giveUpSilent } from '../../redis/give-up-silent';
import { withAnswerDeadline } from './answer-deadline';
import type { ConnectionSettings } from '../../redis/options';
import { reopen } from '../../redis/reopen';
import { CONNECT_TIMEOUT_MS } from './redis-options';

/** How long a connection that the sentinels ended for good stays closed, in milliseconds. */
const REOPEN_DELAY_MS = 50;
/** Looks in the time that a connection is waited for. */
const LOOKS = 4;

/**
 * One connection to Redis that is made anew by itself when it is lost or goes silent. Nothing waits while it is away, except for
 * the first of all.
 */
export class LastingConnection {
  readonly redis: Redis;
  readonly #timeoutMs: number;
  readonly #ready: () => Promise<void>;
  readonly #reconnectIfSilent: (error: Error) => void;
  #isOver = false;

  /** @param timeoutMs for each answer, in milliseconds */
  constructor(options: ConnectionSettings, timeoutMs: number) {
    this.redis = new Redis(options);
    this.#timeoutMs = timeoutMs;
    // One that nobody asks for a while is found dead before an upgrade needs it.
    giveUpSilent(this.redis, { timeoutMs });
    reopen(this.redis, () => this.#isOver, REOPEN_DELAY_MS);
    this.#ready = readiness(this.redis, timeoutMs);
    this.#reconnectIfSilent = reconnectorFor(this.redis, timeoutMs);
  }

  /** Asks something. @throws whatever Redis or the connection says, in time */
  async ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      if (this.redis.status !== 'ready') await this.#ready();
      return await withAnswerDeadline(command(this.redis), this.#timeoutMs);
    } catch (cause) {
      this.#reconnectIfSilent(cause as Error);
      throw cause;
    }
  }

  /** Does some work, whose questions leave in one write. */
  inOneWrite(work: () => void): void {
    const { status, stream } = this.redis;
    if (status !== 'ready') {
      work();
      return;
    }
    stream.cork();
    try {
      work();
    } finally {
      stream.uncork();
    }
  }

  /** Resolves once it can be asked. @throws Error when it is not to be had in time */
  async opened(): Promise<void> {
    if (this.redis.status !== 'ready') await this.#ready();
  }

  /** Ends it, with the answers that are still due. */
  finish(): void {
    this.#isOver = true;
    if (this.redis.status === 'ready') {
      this.redis
        .quit()
        .catch(() => undefined)
        .finally(() => {
          this.close();
        });
    } else this.close();
  }

  /** Ends it at once. */
  close(): void {
    this.#isOver = true;
    this.redis.disconnect();
  }
}

/**
 * The process would wait for a peer that is gone without a word until TCP gives up, minutes later. Commands that a hung
 * Redis has not answered would pile up. A new connection ends both, at once: it does not wait for such a peer's
 * goodbye.
 */
function reconnectorFor(redis: Redis, timeoutMs: number): (error: Error) => void {
  let leaving = false;
  redis.on('close', () => {
    leaving = false;
  });
  return (error) => {
    if (leaving || error.message !== 'Command timed out') return;
    leaving = true;
    giveUp(redis, `it did not answer for ${timeoutMs} ms`);
  };
}

/**
 * Waits for a connection that is being made for the first time; one that was lost fails at once. However many
 * upgrades wait, they share one pair of listeners.
 */
function readiness(redis: Redis, timeoutMs: number): () => Promise<void> {
  let pending: Promise<void> | undefined;
  let waitMs = Math.max(timeoutMs, CONNECT_TIMEOUT_MS);
  redis.once('close', () => {
    waitMs = timeoutMs;
  });
  return async () => {
    if (redis.status === 'reconnecting' || redis.status === 'end') throw new Error('not connected');
    pending ??= firstOf(redis, waitMs).finally(() => {
      pending = undefined;
    });
    await pending;
  };
}

/**
 * The time is counted in looks, between any two of which sockets are read. A gatekeeper that was busy itself does not take that for the
 * absence of Redis.
 */
function firstOf(redis: Redis, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let looks = 0;
    const timer = setInterval(() => {
      if ((looks += 1) > LOOKS) onClose();
    }, timeoutMs / LOOKS);
    redis.once('ready', onReady).once('close', onClose);

    function onReady(): void {
      release();
      resolve();
    }
    function onClose(): void {
      release();
      reject(new Error('not connected'));
    }
    function release(): void {
      clearInterval(timer);
      redis.off('ready', onReady).off('close', onClose);
    }
  });
}
