import { escapeSegment } from '../../protocol/channels';
import type { RateLimit } from '../config';
import type { GatekeeperRedis } from '../redis-connection';
import { emissionIntervalUs, verdictFromReply } from './gcra';
import type { RateLimiter } from './limiter';

/**
 * A limit kept in Redis, shared by every gatekeeper: one atomic call a decision. The key is hash-tagged with the
 * tenant (Redis Cluster specification, "Hash tags") and names the limit, so that different limits never mix.
 */
export function redisLimiter(redis: GatekeeperRedis, limit: RateLimit, keyPrefix: string): RateLimiter {
  const intervalUs = emissionIntervalUs(limit);
  const suffix = `tenant:${limit.limit}:${limit.windowSeconds}:${limit.burst}`;
  return {
    async consume(tenantId) {
      const key = `${keyPrefix}rl:{${escapeSegment(tenantId)}}:${suffix}`;
      return verdictFromReply(await redis.gcra([key], [intervalUs, limit.burst]), limit);
    },
  };
}
