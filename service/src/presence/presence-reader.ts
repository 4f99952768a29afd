import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClient } from '../redis/client';
import { answered, ownConnection } from '../redis/own-connection';
import { readChange, type PresenceChange } from './change';

/** How long a read waits for a change. */
const READ_WAIT_MS = 1_000;
/** How long Redis may take beyond that. */
const TIMEOUT_MS = 5_000;
/** How many changes one read brings at most. */
const MAX_READ = 1_000;
/** After how long one that failed is made again. */
const RETRY_MS = 250;
/** Before the id of any entry. */
const BEFORE_ALL = '0-0';

type Entry = readonly [id: string, fields: readonly string[]];

/** From which change on somebody is told: from those that come, or from the oldest that Redis keeps. */
export type PresenceFrom = 'now' | 'oldest';

/** The dependencies of a reader of presence. */
export interface PresenceReaderOptions {
  readonly redis: RedisClient;
  /** With the prefix. */
  readonly stream: string;
  readonly from: PresenceFrom;
  readonly told: (change: PresenceChange) => unknown;
  readonly onFault: (cause: unknown) => void;
}

/** Reads who listens, over a connection of its own: every process hears of every change. */
export class PresenceReader {
  readonly #options: PresenceReaderOptions;
  readonly #redis: RedisClient;
  readonly #closing = new AbortController();
  /** The last entry that was read; undefined until it is known where to begin. */
  #lastId: string | undefined;

  constructor(options: PresenceReaderOptions) {
    this.#options = options;
    if (options.from === 'oldest') this.#lastId = BEFORE_ALL;
    this.#redis = ownConnection(options.redis, (cause) => {
      this.#fault(cause);
    });
    void this.#live();
  }

  /** Tells nothing more. */
  close(): void {
    this.#closing.abort();
    this.#redis.disconnect();
  }

  async #live(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        this.#lastId ??= await this.#latest();
        await this.#read(this.#lastId);
      } catch (cause) {
        this.#fault(cause);
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #latest(): Promise<string> {
    const { stream } = this.#options;
    const [last] = await answered(
      this.#redis,
      TIMEOUT_MS,
      this.#redis.xrevrange(stream, '+', '-', 'COUNT', 1),
    );
    return last?.[0] ?? BEFORE_ALL;
  }

  async #read(lastId: string): Promise<void> {
    const { stream } = this.#options;
    const asked = this.#redis.xread('COUNT', MAX_READ, 'BLOCK', READ_WAIT_MS, 'STREAMS', stream, lastId);
    const streams = await answered(this.#redis, READ_WAIT_MS + TIMEOUT_MS, asked);
    for (const [id, fields] of (streams?.[0]?.[1] ?? []) as readonly Entry[]) {
      if (this.#closing.signal.aborted) return;
      this.#lastId = id;
      const change = readChange(id, fields);
      if (change === undefined) this.#fault(new Error(`expected a change of presence in entry ${id}`));
      else this.#tell(change);
    }
  }

  #tell(change: PresenceChange): void {
    try {
      Promise.resolve(this.#options.told(change)).catch((cause: unknown) => {
        this.#fault(cause);
      });
    } catch (cause) {
      this.#fault(cause);
    }
  }

  #fault(cause: unknown): void {
    if (!this.#closing.signal.aborted) this.#options.onFault(cause);
  }
}
