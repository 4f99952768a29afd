import { escapeSegment } from '../../protocol/channels';
import type { Rate, RateLimit } from '../config/config';

/** Whom an upgrade is counted against. */
export interface LimitSubject {
  readonly tenantId: string;
  readonly userId: string;
  readonly tier: string | undefined;
  readonly path: string | undefined;
  /** The path that the assertion is for, by which a page's upgrades are told apart. */
  readonly upstreamPath?: string;
  readonly routeId: string | undefined;
  readonly ip: string | undefined;
}

/** A charge: a key and the figures that it counts by. */
export interface Charge {
  /** Where its state is kept. Keys with the same hash tag share a slot of Redis Cluster. */
  readonly key: string;
  readonly rate: Rate;
}

/** The page of a user's that an upgrade may belong to. A limit charges its first upgrade alone. */
export interface Page {
  /** Where the paths of its upgrades are kept, in the slot of its limit. */
  readonly key: string;
  readonly lifetimeMs: number;
  /** How many upgrades it has at most. */
  readonly maxUpgrades: number;
  /** The path of this upgrade, escaped: each belongs to it once. */
  readonly path: string;
}

/** A charge that may have been made for the upgrade's page already. */
export interface PageCharge extends Charge {
  readonly page?: Page | undefined;
}

/** One limit that an upgrade is counted against, by the token's tier. */
export interface AppliedLimit extends PageCharge {
  /** Equal for limits that are charged together: their keys' hash tag. */
  readonly slot: string;
  /** The entry of the configuration that it is of, for the log. */
  readonly entry?: Pick<RateLimit, 'by' | 'paths'>;
  /** The charges in its place where Redis has a tier for the tenant. */
  readonly choices?: TierChoices | undefined;
}

/** A limit's charges by the tenant's tier. */
export interface TierChoices {
  /** For a tier that the limit does not name. */
  readonly own: Charge;
  readonly tiers: ReadonlyMap<string, Charge>;
}

/** The charge of a limit where Redis has this tier for the tenant; undefined for none. */
export function chargeOf(limit: AppliedLimit, tier: string | undefined): Charge {
  const { choices } = limit;
  if (tier === undefined || choices === undefined) return limit;
  return choices.tiers.get(tier) ?? choices.own;
}

/**
 * The Redis key with a tenant's tier. The template is the operator's, the tenant is escaped, so that no tenant can name another's.
 * @param template with `{tenant}`, or `{{tenant}}` for the tenant as the key's hash tag
 */
export function tierKeyOf(template: string, tenantId: string): string {
  return template.replace('{tenant}', () => escapeSegment(tenantId));
}

/** A longer path belongs to no page, in characters: what is kept of a page has to be short. */
export const MAX_PAGE_PATH_LENGTH = 512;

/**
 * The limits that count this upgrade. A key carries the hash tag of the tenant, or of the address (Redis Cluster
 * specification, "Hash tags"). It names the limit's figures, so that different limits never mix. Escaping leaves no
 * brace or colon in a value.
 * @param tierInRedis whether Redis is asked for the tenant's tier
 */
export function appliedLimits(
  limits: readonly RateLimit[],
  subject: LimitSubject,
  keyPrefix: string,
  tierInRedis = false,
): AppliedLimit[] {
  const tenant = `{${escapeSegment(subject.tenantId)}}`;
  const address = `{ip:${escapeSegment(subject.ip ?? '')}}`;
  return limits
    .filter((limit) => counts(limit, subject.path))
    .map((limit) => {
      const rate = (subject.tier === undefined ? undefined : limit.tiers.get(subject.tier)) ?? limit.rate;
      const slot = limit.by === 'ip' ? address : tenant;
      const charge = (figures: Rate): Charge => ({
        key: `${keyPrefix}rl:${slot}:${nameOf(limit, figures, subject)}`,
        rate: figures,
      });
      const page = pageOf(limit, subject, `${keyPrefix}rl:${slot}`);
      if (!tierInRedis || limit.tiers.size === 0) return { ...charge(rate), slot, page, entry: limit };
      const tiers = [...limit.tiers].map(([name, figures]) => [name, charge(figures)] as const);
      return {
        ...charge(rate),
        slot,
        page,
        entry: limit,
        choices: { own: charge(limit.rate), tiers: new Map(tiers) },
      };
    });
}

function counts(limit: RateLimit, path: string | undefined): boolean {
  return limit.paths.length === 0 || limit.paths.some((prefix) => path?.startsWith(prefix));
}

/** A page has one key whichever tier's figures its limit is charged by. */
function pageOf(limit: RateLimit, subject: LimitSubject, begin: string): Page | undefined {
  const { page, rate } = limit;
  const { upstreamPath = '', userId } = subject;
  if (page === undefined || upstreamPath === '' || upstreamPath.length > MAX_PAGE_PATH_LENGTH)
    return undefined;
  const figures = `${page.seconds}:${page.upgrades}`;
  return {
    key: `${begin}:page:${escapeSegment(userId)}:${figures}:${nameOf(limit, rate, subject)}`,
    lifetimeMs: page.seconds * 1000,
    maxUpgrades: page.upgrades,
    path: escapeSegment(upstreamPath),
  };
}

function nameOf(limit: RateLimit, rate: Rate, subject: LimitSubject): string {
  const figures = `${rate.limit}:${rate.windowSeconds}:${rate.burst}`;
  const paths = limit.paths.map((path) => `:${escapeSegment(path)}`).join('');
  switch (limit.by) {
    case 'tenant':
    case 'ip':
      return `${limit.by}:${figures}${paths}`;
    case 'user':
      return `user:${escapeSegment(subject.userId)}:${figures}${paths}`;
    case 'route':
      return `route:${escapeSegment(subject.routeId ?? '')}:${figures}${paths}`;
  }
}
