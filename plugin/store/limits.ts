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

/** One limit that an upgrade is counted against. */
export interface AppliedLimit {
  /** Where its state is kept. Keys with the same hash tag share a slot of Redis Cluster. */
  readonly key: string;
  /** Equal for limits that are charged together: their keys' hash tag. */
  readonly slot: string;
  readonly rate: Rate;
}

/**
 * The limits that count this upgrade. A key carries the hash tag of the tenant, or of the address (Redis Cluster
 * specification, "Hash tags"), and names the limit's figures, so that different limits never mix; escaping leaves no
 * brace or colon in a value.
 */
export function appliedLimits(
  limits: readonly RateLimit[],
  subject: LimitSubject,
  keyPrefix: string,
): AppliedLimit[] {
  const tenant = `{${escapeSegment(subject.tenantId)}}`;
  const address = `{ip:${escapeSegment(subject.ip ?? '')}}`;
  return limits
    .filter((limit) => counts(limit, subject.path))
    .map((limit) => {
      const rate = (subject.tier === undefined ? undefined : limit.tiers.get(subject.tier)) ?? limit.rate;
      const slot = limit.by === 'ip' ? address : tenant;
      return { key: `${keyPrefix}rl:${slot}:${nameOf(limit, rate, subject)}`, slot, rate };
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
