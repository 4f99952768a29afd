import type { AnsweringOptions } from './answers/options';
import { checkNumber } from './answers/check-option';
import type { RedisClient } from './redis/client';

/** How a service is connected. */
export interface ServiceOptions extends AnsweringOptions {
  /** To one server, to the master of sentinels, or to a cluster. It has no `keyPrefix` of its own. */
  readonly redis: RedisClient;
  /** Before every name in Redis, as BRIDGE_CHANNEL_PREFIX of the bridges has it. None by default. */
  readonly prefix?: string | undefined;
  /** How long a dashboard's state is kept when no other comes, in seconds. 86,400 by default. */
  readonly stateTtlSeconds?: number | undefined;
  /** Milliseconds since the epoch. `Date.now` by default. */
  readonly now?: (() => number) | undefined;
}

export const DEFAULT_STATE_TTL_SECONDS = 86_400;

/** @throws TypeError at a connection that would change names, and at a time that cannot be */
export function checkOptions({ redis, stateTtlSeconds = DEFAULT_STATE_TTL_SECONDS }: ServiceOptions): void {
  checkNumber('stateTtlSeconds', stateTtlSeconds);
  const { keyPrefix } = redis.options;
  if (keyPrefix !== undefined && keyPrefix !== '')
    throw new TypeError(
      'expected a connection without keyPrefix, which channels would not have: give prefix instead',
    );
}
