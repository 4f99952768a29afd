import { emissionIntervalUs } from './gcra';
import { KnownTiers, UNKNOWN_TIER } from './known-tiers';
import { chargeOf, type AppliedLimit } from './limits';
import type { GatekeeperRedis } from './redis-connection';
import type { LimitState, Store, StoreAnswer, StoreQuery } from './store';

/** Told when a tier's key holds no text, or may not be read: the limits' own figures hold then. */
type OnUnreadable = (tierKey: string) => void;

/**
 * Limits and revocations in Redis, shared by every gatekeeper. One round trip: the limits of a slot in one atomic call with
 * the tenant's tier, another slot's beside it, and the look-up of the revoked token, all sent together. Only where a cluster
 * keeps the tier in another slot than the limits it is asked for first, once a window.
 */
export function redisStore(
  redis: GatekeeperRedis,
  known = new KnownTiers(() => performance.now()),
  onUnreadable: OnUnreadable = () => undefined,
): Store {
  return {
    async ask(query): Promise<StoreAnswer> {
      const limits = await withTierOf(query);
      const { revocationKey } = query;
      const groups = bySlot(limits);
      const [revoked, ...charged] = await Promise.all([
        revocationKey === undefined ? false : redis.exists(revocationKey),
        ...groups.map((group) => charge(redis, group, query.tierKey)),
      ]);
      const { tierKey } = query;
      const read = charged.find(({ found }) => found !== undefined);
      if (tierKey !== undefined && read?.found !== undefined) remember(tierKey, read.found, limits);
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

  /** The limits, with their choices made where the tier cannot be read with them. */
  async function withTierOf({ limits, tierKey }: StoreQuery): Promise<readonly AppliedLimit[]> {
    if (tierKey === undefined || !redis.isCluster) return limits;
    const chosen = limits.filter(({ choices }) => choices !== undefined);
    if (chosen.every(({ slot }) => slot === hashTag(tierKey))) return limits;
    const tier = known.get(tierKey) ?? (await readTier(tierKey, chosen));
    return limits.map((limit) => {
      const { key, rate } = chargeOf(limit, tier.tier);
      return { key, rate, slot: limit.slot };
    });
  }

  async function readTier(tierKey: string, limits: readonly AppliedLimit[]) {
    const text = await redis.read(tierKey);
    const found = { tier: text === '' ? undefined : text };
    known.set(tierKey, found.tier, windowOf(limits));
    return found;
  }

  function remember(tierKey: string, found: FoundTier, limits: readonly AppliedLimit[]): void {
    if (found.unreadable) onUnreadable(tierKey);
    known.set(tierKey, found.tier, windowOf(limits));
  }
}

/** What the script says of the tier that it read. */
interface FoundTier {
  readonly tier: string | undefined;
  readonly unreadable: boolean;
}

/** A tier is remembered no longer than the shortest window that it decides on, in seconds. */
function windowOf(limits: readonly AppliedLimit[]): number {
  const rates = limits.flatMap(({ choices, rate }) =>
    choices === undefined
      ? []
      : [rate, choices.own.rate, ...[...choices.tiers.values()].map((of) => of.rate)],
  );
  return Math.min(...rates.map(({ windowSeconds }) => windowSeconds));
}

/** A key's hash tag with its braces (Redis Cluster specification, "Hash tags"); undefined for a key that has none. */
function hashTag(key: string): string | undefined {
  const tag = /^[^{]*(\{[^}]*\})/.exec(key)?.[1];
  return tag === '{}' ? undefined : tag;
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

async function charge(redis: GatekeeperRedis, group: readonly AppliedLimit[], tierKey: string | undefined) {
  const choices = tierKey === undefined ? [] : choicesOf(group);
  const keys = [...group, ...choices.map((choice) => choice.charge)].map(({ key }) => key);
  const args: (number | string)[] = group.flatMap(({ rate }) => [emissionIntervalUs(rate), rate.burst]);
  if (tierKey !== undefined && choices.length > 0) {
    keys.push(tierKey);
    args.push(
      ...choices.flatMap(({ limit, tier, charge: { rate } }) => [
        limit,
        tier,
        emissionIntervalUs(rate),
        rate.burst,
      ]),
      group.length,
    );
  }
  const [admitted, ...figures] = await redis.gcra(keys, args);
  const found = choices.length === 0 ? undefined : foundTier(figures[3 * group.length], choices);
  const states = group.map((limit, i): LimitState => {
    const [remaining, retryAfterUs, resetUs] = figures.slice(3 * i, 3 * i + 3);
    if (remaining === undefined || retryAfterUs === undefined || resetUs === undefined) {
      throw new TypeError('expected three figures a limit from gcra.lua');
    }
    return { limit: chargeOf(limit, found?.tier).rate.limit, remaining, retryAfterUs, resetUs };
  });
  return { admitted: admitted === 1, states, found };
}

/** One choice of a limit, whose number counts from one as Lua does. */
interface Choice {
  readonly limit: number;
  readonly tier: string;
  readonly charge: Pick<AppliedLimit, 'key' | 'rate'>;
}

/** A limit's own figures go before those of the tiers that it names. */
function choicesOf(group: readonly AppliedLimit[]): readonly Choice[] {
  return group.flatMap(({ choices }, i) => {
    if (choices === undefined) return [];
    const own = { limit: i + 1, tier: UNKNOWN_TIER, charge: choices.own };
    return [own, ...[...choices.tiers].map(([tier, charge]) => ({ limit: i + 1, tier, charge }))];
  });
}

function foundTier(found: number | undefined, choices: readonly Choice[]): FoundTier {
  if (found === undefined) throw new TypeError('expected what the tier is from gcra.lua');
  if (found === 0) return { tier: undefined, unreadable: false };
  return { tier: choices[found - 1]?.tier ?? UNKNOWN_TIER, unreadable: found === -2 };
}
