import { Redis } from 'ioredis';

const KEYS = 200;
const SECONDS = 3600;

/** Keys of others in the trial's Redis that must outlive every attack: revoked tokens. */
export class KeptKeys {
  readonly #redis: Redis;
  readonly #names = Array.from({ length: KEYS }, (_, number) => `blacklist:kept-${number}`);

  private constructor(port: number) {
    this.#redis = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: 1 });
  }

  static async set(port: number): Promise<KeptKeys> {
    const keys = new KeptKeys(port);
    await Promise.all(keys.#names.map((name) => keys.#redis.set(name, '1', 'EX', SECONDS)));
    return keys;
  }

  /** How many are gone. */
  async lost(): Promise<number> {
    return KEYS - (await this.#redis.exists(...this.#names));
  }

  stop(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }
}
