import { emissionIntervalUs } from './gcra';
import type { AppliedLimit } from './limits';
import type { GatekeeperRedis } from './redis-connection';
import type { LimitState, Store, StoreAnswer } from './store';

/**
 * Limits and revocations in Redis, shared by every gatekeeper. One round trip: the limits of a slot in one atomic call,
 * another slot's beside it, and the look-up of the revoked token, all sent together.
 */
export function redisStore(redis: GatekeeperRedis): Store {
  return {
    async ask({ limits, revocationKey }): Promise<StoreAnswer> {
      const slots = [...new Set(limits.map(({ slot }) => slot))];
      const groups = slots.map((slot) => limits.filter((limit) => limit.slot === slot));
      const [revoked, ...answers] = await Promise.all([
        revocationKey === undefined ? false : redis.exists(revocationKey),
        ...groups.map((group) => charge(redis, group)),
      ]);
      const states = new Map(
        groups.flatMap((group, i) => group.map((limit, j) => [limit, answers[i]?.states[j]])),
      );
      return {
        admitted: answers.every(({ admitted }) => admitted),
        states: limits.map((limit) => states.get(limit)).filter((state) => state !== undefined),
        revoked,
      };
    },
  };
}

async function charge(redis: GatekeeperRedis, group: readonly AppliedLimit[]) {
  const keys = group.map(({ key }) => key);
  const args = group.flatMap(({ rate }) => [emissionIntervalUs(rate), rate.burst]);
  const [admitted, ...figures] = await redis.gcra(keys, args);
  const states = group.map(({ rate }, i): LimitState => {
    const [remaining, retryAfterUs, resetUs] = figures.slice(3 * i, 3 * i + 3);
    if (remaining === undefined || retryAfterUs === undefined || resetUs === undefined) {
      throw new TypeError('expected three figures a limit from gcra.lua');
    }
    return { limit: rate.limit, remaining, retryAfterUs, resetUs };
  });
  return { admitted: admitted === 1, states };
}
