import { DeniedReturns } from './denied-returns';
import { emissionIntervalUs } from './gcra';
import { KnownTiers, UNKNOWN_TIER, type KnownTier } from './known-tiers';
import { chargeOf, type AppliedLimit } from './limits';
import { outcomeOf, silenceOf, valueOf, type Outcome } from './outcome';
import { StoreRefusedError, type LimitState, type Store, type StoreAnswer, type StoreQuery } from './store';
import type { GatekeeperRedis } from './gatekeeper-redis';

/** Told when a tier's key holds no text, or may not be read: the limits' own figures hold then. */
type OnUnreadable = (tierKey: string) => void;

/** Told when Redis does not let this user take returns: the limits are charged without them then. */
type OnReturnsDenied = (reason: string) => void;

/** So long after Redis refused a call for keys of several slots it is asked for those of each slot, in milliseconds: it may be another by then. */
export const SLOT_BY_SLOT_MS = 600_000;

/**
 * Limits and revocations in Redis, shared by every gatekeeper. One question is one round trip, whose calls are sent
 * together. One atomic call has the limits and the tenant's tier, in a cluster those of a slot. The look-up
 * of the revoked token goes with them. Only where a cluster keeps the tier in another slot than the limits it is asked
 * for first, once a window. Each answer is judged by itself: a write that Redis refuses takes nothing from what it says
 * of the token.
 */
export function redisStore(
  redis: GatekeeperRedis,
  known = new KnownTiers(monotonicMs),
  onUnreadable: OnUnreadable = () => undefined,
  onReturnsDenied: OnReturnsDenied = () => undefined,
  nowMs = monotonicMs,
): Store {
  const returns = new DeniedReturns(nowMs, onReturnsDenied);
  let slotBySlotUntilMs = redis.isCluster ? Infinity : -Infinity;
  return {
    async ask(query): Promise<StoreAnswer> {
      const { revocationKey, tierKey } = query;
      const revocation = revocationKey === undefined ? undefined : outcomeOf(redis.exists(revocationKey));
      const tier = await tierBefore(query);
      const limits = query.limits.map((limit) => (tier === undefined ? limit : withTier(limit, tier)));
      const [revoked, { groups, charged }] = await Promise.all([
        revocation,
        chargeAll(
          limits.filter((limit) => limit !== undefined),
          query,
        ),
      ]);
      const silence = silenceOf([revoked, tier, ...charged].filter((outcome) => outcome !== undefined));
      if (silence !== undefined) throw silence;
      const answers = charged.map(valueOf);
      const read = answers.find((answer) => answer?.found !== undefined);
      if (tierKey !== undefined && read?.found !== undefined) remember(tierKey, read.found, query.limits);
      return {
        admitted: answers.every((answer) => answer?.admitted ?? true),
        ...countedOf(query.limits, limits, statesOf(groups, answers)),
        revoked: revoked === undefined ? false : valueOf(revoked),
      };
    },
  };

  /** Charges all of them or none where one script may have keys of several slots; elsewhere those of a slot. */
  async function chargeAll(limits: readonly AppliedLimit[], query: StoreQuery): Promise<ChargedGroups> {
    const isMixed = nowMs() >= slotBySlotUntilMs;
    const groups = isMixed ? together(limits, query) : bySlot(limits);
    const charged = await Promise.all(groups.map((group) => outcomeOf(chargeOrReturn(group, query))));
    if (!isMixed || !charged.some(isCrossSlot)) return { groups, charged };
    // A proxy before several servers: nothing was done.
    slotBySlotUntilMs = nowMs() + SLOT_BY_SLOT_MS;
    return chargeAll(limits, query);
  }

  /** Takes a return of the user's, or charges these limits. */
  async function chargeOrReturn(group: readonly AppliedLimit[], query: StoreQuery): Promise<Charged> {
    const { returnKey } = query;
    const stoodFor = returnKey === undefined ? 0 : group.filter(isInSlotOf(returnKey)).length;
    if (returnKey === undefined || stoodFor === 0 || !returns.mayTry()) return charge(redis, group, query);
    try {
      const charged = await charge(redis, group, query, { returnKey, stoodFor });
      returns.allowed();
      return charged;
    } catch (fault) {
      if (!(fault instanceof StoreRefusedError && fault.message.startsWith('NOPERM '))) throw fault;
      const charged = await charge(redis, group, query);
      returns.denied(fault.message);
      return charged;
    }
  }

  /** The tier, where a cluster keeps it in another slot than limits that it decides on; undefined where it is read with them. */
  async function tierBefore({ limits, tierKey }: StoreQuery): Promise<Outcome<KnownTier> | undefined> {
    if (tierKey === undefined || !redis.isCluster) return undefined;
    const chosen = limits.filter(({ choices }) => choices !== undefined);
    if (chosen.every(({ slot }) => slot === hashTag(tierKey))) return undefined;
    return outcomeOf(readTier(tierKey, chosen));
  }

  async function readTier(tierKey: string, limits: readonly AppliedLimit[]): Promise<KnownTier> {
    const remembered = known.get(tierKey);
    if (remembered !== undefined) return remembered;
    const found = await redis.read(tierKey).then(foundText, noText);
    remember(tierKey, found, limits);
    return found;
  }

  function remember(tierKey: string, found: FoundTier, limits: readonly AppliedLimit[]): void {
    if (found.unreadable) onUnreadable(tierKey);
    known.set(tierKey, found.tier, windowOf(limits));
  }
}

const monotonicMs = (): number => performance.now();

/** The tier as the script read it. */
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

function isInSlotOf(key: string): (limit: AppliedLimit) => boolean {
  const tag = hashTag(key);
  return ({ slot }) => slot === tag;
}

interface ChargedGroups {
  readonly groups: readonly (readonly AppliedLimit[])[];
  /** The outcome of each of them. */
  readonly charged: readonly Outcome<Charged>[];
}

/** One group of all, those that a return stands for first: a limit by address counts everybody. */
function together(
  limits: readonly AppliedLimit[],
  { returnKey = '' }: StoreQuery,
): readonly (readonly AppliedLimit[])[] {
  if (limits.length === 0) return [];
  const isStoodFor = isInSlotOf(returnKey);
  if (limits.every(isStoodFor)) return [limits];
  return [[...limits.filter(isStoodFor), ...limits.filter((limit) => !isStoodFor(limit))]];
}

function isCrossSlot(outcome: Outcome<unknown>): boolean {
  return 'fault' in outcome && outcome.fault.message.startsWith('CROSSSLOT ');
}

function bySlot(limits: readonly AppliedLimit[]): readonly (readonly AppliedLimit[])[] {
  const [first] = limits;
  if (first === undefined) return [];
  if (limits.every(({ slot }) => slot === first.slot)) return [limits];
  const slots = [...new Set(limits.map(({ slot }) => slot))];
  return slots.map((slot) => limits.filter((limit) => limit.slot === slot));
}

/** A limit by the tenant's tier; undefined where the tier decides and cannot be told. */
function withTier(limit: AppliedLimit, tier: Outcome<KnownTier>): AppliedLimit | undefined {
  const known = valueOf(tier);
  if (known === undefined) return limit.choices === undefined ? limit : undefined;
  const { key, rate } = chargeOf(limit, known.tier);
  return { key, rate, slot: limit.slot, page: limit.page };
}

function foundText(text: string): FoundTier {
  return { tier: text === '' ? undefined : text, unreadable: false };
}

/** As the script judges it: a key of another type is no tier. Any other refusal says nothing of the tier. */
function noText(fault: unknown): FoundTier {
  if (fault instanceof StoreRefusedError && fault.message.startsWith('WRONGTYPE ')) {
    return { tier: UNKNOWN_TIER, unreadable: true };
  }
  throw fault;
}

type States = ReadonlyMap<AppliedLimit | undefined, LimitState | undefined>;

function statesOf(
  groups: readonly (readonly AppliedLimit[])[],
  answers: readonly ({ readonly states: readonly LimitState[] } | undefined)[],
): States {
  return new Map(groups.flatMap((group, i) => group.map((limit, j) => [limit, answers[i]?.states[j]])));
}

/** The limits that were counted, in the order in which they were asked. */
function countedOf(
  asked: readonly AppliedLimit[],
  limits: readonly (AppliedLimit | undefined)[],
  states: States,
): Pick<StoreAnswer, 'states' | 'uncounted'> {
  const inOrder = limits.map((limit) => states.get(limit));
  return {
    states: inOrder.filter((state) => state !== undefined),
    uncounted: asked.filter((_, i) => inOrder[i] === undefined),
  };
}

interface Charged {
  readonly admitted: boolean;
  readonly states: readonly LimitState[];
  readonly found: FoundTier | undefined;
}

async function charge(
  redis: GatekeeperRedis,
  group: readonly AppliedLimit[],
  { tierKey, isDryRun }: StoreQuery,
  returns?: { readonly returnKey: string; readonly stoodFor: number },
): Promise<Charged> {
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
  pushPages(group, keys, args);
  if (returns !== undefined) {
    keys.push(returns.returnKey);
    args.push(returns.stoodFor, 'return');
  }
  if (isDryRun) args.push('dry run');
  const [admitted, ...figures] = await redis.gcra(keys, args);
  const found = choices.length === 0 ? undefined : foundTier(figures[3 * group.length], choices);
  const states = group.map((limit, i): LimitState => {
    const [remaining, retryAfterUs, resetUs] = figures.slice(3 * i, 3 * i + 3);
    if (remaining === undefined || retryAfterUs === undefined || resetUs === undefined) {
      throw new TypeError(
        `expected three figures a limit from gcra.lua, got ${figures.length} for ${group.length}`,
      );
    }
    return { limit: chargeOf(limit, found?.tier).rate.limit, remaining, retryAfterUs, resetUs };
  });
  return { admitted: admitted === 1, states, found };
}

/** Names the pages to gcra.lua behind all that they do not concern. */
function pushPages(group: readonly AppliedLimit[], keys: string[], args: (number | string)[]): void {
  let path: string | undefined;
  let count = 0;
  for (const [i, { page }] of group.entries()) {
    if (page === undefined) continue;
    keys.push(page.key);
    args.push(i + 1, page.lifetimeMs, page.maxUpgrades);
    path = page.path;
    count += 1;
  }
  if (path !== undefined) args.push(path, count, 'page');
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
