import { quoted } from '../../protocol/quoted';
import type { TenantPrefixes } from './config';
import type { RawConfig } from './raw';
import { ConfigError } from '../schema/config-error';

/**
 * The prefixes of tenants. Two tokens of different prefixes never name the same tenant: no prefix begins another one.
 * @throws ConfigError where two issuers could name the same tenant and nothing says that they may
 */
export function tenantPrefixes(raw: RawConfig): TenantPrefixes {
  const { issuers, tenant_prefix: one, tenant_prefixes: given } = raw;
  const byIssuer = new Map(Object.entries(given));
  if (one !== undefined && byIssuer.size > 0) {
    throw new ConfigError('config.tenant_prefix: expected this or config.tenant_prefixes, got both');
  }
  if (new Set(issuers).size < 2 && byIssuer.size === 0) return { byIssuer, others: one ?? '' };
  requireOneEach(issuers, byIssuer);
  const prefixes = [...new Set(byIssuer.values())];
  const [common = ''] = prefixes;
  if (prefixes.length === 1) return { byIssuer: new Map(), others: common };
  requireNoneBegins(prefixes);
  if (raw.optional_claims.includes('iss')) {
    throw new ConfigError(
      'config.optional_claims: expected no iss where config.tenant_prefixes differ: a token without iss would have no prefix',
    );
  }
  return { byIssuer, others: undefined };
}

function requireOneEach(issuers: readonly string[], byIssuer: ReadonlyMap<string, string>): void {
  const without = issuers.find((issuer) => !byIssuer.has(issuer));
  if (without !== undefined) {
    throw new ConfigError(
      `config.tenant_prefixes: expected a prefix for each of config.issuers, the same where they share their tenants; ${quoted(without)} has none`,
    );
  }
  const unknown = [...byIssuer.keys()].find((issuer) => !issuers.includes(issuer));
  if (unknown === undefined) return;
  throw new ConfigError(`config.tenant_prefixes: expected issuers of config.issuers, got ${quoted(unknown)}`);
}

function requireNoneBegins(prefixes: readonly string[]): void {
  for (const prefix of prefixes) {
    const longer = prefixes.find((other) => other !== prefix && other.startsWith(prefix));
    if (longer === undefined) continue;
    throw new ConfigError(
      `config.tenant_prefixes: expected no prefix that begins another, got ${quoted(prefix)} and ${quoted(longer)}`,
    );
  }
}
