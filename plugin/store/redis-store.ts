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
      const groups = bySlot(limits);
      const [revoked, ...charged] = await Promise.all([
        revocationKey === undefined ? false : redis.exists(revocationKey),
        ...groups.map((group) => charge(redis, group)),
      ]);
      return {
        admitted: charged.every(({ admitted }) => admitted),
        states: inOrderOf(
          limits,
          groups,
          charged.map(({ states }) => states),
        ),
        revoked,
      };
    },
  };
}

function bySlot(limits: readonly AppliedLimit[]): readonly (readonly AppliedLimit[])[] {
  const [first] = limits;
  if (first === undefined) return [];
  if (limits.every(({ slot }) => slot === first.slot)) return [limits];
  const slots = [...new Set(limits.map(({ slot }) => slot))];
  return slots.map((slot) => limits.filter((limit) => limit.slot === slot));
}

function inOrderOf(
  limits: readonly AppliedLimit[],
  groups: readonly (readonly AppliedLimit[])[],
  states: readonly (readonly LimitState[])[],
): readonly LimitState[] {
  if (groups.length === 1) return states[0] ?? [];
  const byLimit = new Map(groups.flatMap((group, i) => group.map((limit, j) => [limit, states[i]?.[j]])));
  return limits.map((limit) => byLimit.get(limit)).filter((state) => state !== undefined);
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
