import { escapeSegment } from '../../protocol/channels';
import type { Rate, RateLimit } from '../config/config';

/** Whom an upgrade is counted against. */
export interface LimitSubject {
  readonly tenantId: string;
  readonly userId: string;
  readonly tier: string | undefined;
  readonly path: string | undefined;
  readonly routeId: string | undefined;
  readonly ip: string | undefined;
}

/** A charge: a key and the figures that it counts by. */
export interface Charge {
  /** Where its state is kept. Keys with the same hash tag share a slot of Redis Cluster. */
  readonly key: string;
  readonly rate: Rate;
}

/** One limit that an upgrade is counted against, by the token's tier. */
export interface AppliedLimit extends Charge {
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
      if (!tierInRedis || limit.tiers.size === 0) return { ...charge(rate), slot, entry: limit };
      const tiers = [...limit.tiers].map(([name, figures]) => [name, charge(figures)] as const);
      return {
        ...charge(rate),
        slot,
        entry: limit,
        choices: { own: charge(limit.rate), tiers: new Map(tiers) },
      };
    });
}

function counts(limit: RateLimit, path: string | undefined): boolean {
  return limit.paths.length === 0 || limit.paths.some((prefix) => path?.startsWith(prefix));
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
