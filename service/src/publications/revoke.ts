import { checkNames } from './check-names';
import type { RedisClient } from '../redis/client';
import type { ServiceNames } from '../redis/names';
import { publisher } from '../redis/publish';

/** A token, by its claims. */
export interface RevokedToken {
  readonly jti: string;
  /** `exp` of the token, in seconds since the epoch: the blacklist forgets it then. */
  readonly exp: number;
}

/** A tenant, or one of its users. */
export interface RevokedUser {
  readonly tenant: string;
  readonly user?: string;
  /** The `jti` of a token whose sockets stay open. */
  readonly except?: string;
  /** Only sockets on this path. */
  readonly path?: string;
}

/** In the year 5138. A moment in milliseconds is later, and its key would be kept for as long. */
const LATEST_SECONDS = 100_000_000_000;

/** Closes the sockets of a token, a user or a tenant, and keeps a token from coming back (PROTOCOL.md §6). */
export class Revocations {
  readonly #redis: RedisClient;
  readonly #names: ServiceNames;
  readonly #nowMs: () => number;

  /** @param nowMs milliseconds since the epoch */
  constructor(redis: RedisClient, names: ServiceNames, nowMs: () => number) {
    this.#redis = redis;
    this.#names = names;
    this.#nowMs = nowMs;
  }

  /** @returns how many bridges heard it; rejects when Redis does not confirm it */
  async revoke(what: RevokedToken | RevokedUser): Promise<number> {
    if (!('jti' in what)) {
      checkNames({ ...what, tenant: what.tenant as unknown }, 'tenant', 'user', 'except', 'path');
      return this.#order({ type: 'revoke', ...what });
    }
    const { jti, exp, ...others } = what;
    checkNames({ ...others, jti }, 'jti');
    if (!Number.isFinite(exp)) throw new TypeError('expected exp of the token, in seconds since the epoch');
    if (exp > LATEST_SECONDS)
      throw new TypeError('expected exp of the token in seconds since the epoch, not milliseconds');
    const seconds = Math.max(1, Math.ceil(exp - this.#nowMs() / 1000));
    // First: who is cut asks the gatekeeper at once.
    await this.#redis.set(this.#names.blacklist(jti), '1', 'EX', seconds);
    return this.#order({ type: 'revoke', jti });
  }

  #order(order: object): Promise<number> {
    return publisher(this.#redis)(this.#names.control, JSON.stringify(order));
  }
}
