/** A connection to Redis, or to a cluster of it, with the gatekeeper's script on it. */
export interface GatekeeperRedis {
  /** Whether keys with different hash tags cannot be asked for in one call. */
  readonly isCluster: boolean;
  /** Runs gcra.lua. @throws StoreUnreachableError or StoreRefusedError, as the others do */
  gcra(keys: readonly string[], args: readonly (number | string)[]): Promise<readonly number[]>;
  /** The first bytes of what a key holds; an empty text when there is no such key. */
  read(key: string): Promise<string>;
  /** Whether a key exists. */
  exists(key: string): Promise<boolean>;
  close(): void;
}

/** As many bytes more than one of a key are read at most, as in gcra.lua. */
export const MAX_READ_BYTES = 256;
