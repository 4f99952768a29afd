import type { z } from 'zod';
import type { HeaderNames } from '../../protocol/headers';
import { canonicalPath } from '../../protocol/path';
import { quoted } from '../../protocol/quoted';
import { parseRedisUrl } from '../../redis/url';
import { compileAuthorization, type Authorization } from './authorization';
import { serviceSettings } from './authorization-service';
import type { GatekeeperConfig, Rate, RateLimit, RedisSettings } from './config';
import { importKeys, type GatekeeperKeys } from './keys';
import { rawConfig, type RawConfig } from './raw';
import { CONSUMER_HEADERS, GROUP_HEADERS, looseName } from '../../protocol/header-names';
import { tenantPrefixes } from './tenant-prefixes';
import { DEFAULT_WINDOW_SECONDS } from '../schema';
import { ConfigError } from '../schema/config-error';

/**
 * Parses what Kong hands over, once a configuration.
 * @throws ConfigError naming every field at fault
 */
export async function parseConfig(
  raw: unknown,
): Promise<{ readonly config: GatekeeperConfig; readonly keys: GatekeeperKeys }> {
  const result = rawConfig.safeParse(raw);
  if (!result.success) throw new ConfigError(result.error.issues.map(describe).join('; '));
  const config = deepFreeze(toConfig(result.data));
  requireDistinct(config.headerNames, config.tokenLocations.headerNames);
  requireNamed(config);
  requireTenantsSlot(result.data);
  return { config, keys: await importKeys(result.data) };
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_key') return `config${fieldOf(issue.path)}: ${issue.message}`;
  // The key itself is in the path, and may be a secret that was put into the wrong place.
  const faults = issue.issues.map(({ message }) => message).join(', ');
  return `config${fieldOf(issue.path.slice(0, -1))}: in a key: ${faults}`;
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
}

function requireDistinct(names: HeaderNames, tokenHeaders: readonly string[]): void {
  const lower = Object.values<string>({ ...names }).map((name) => name.toLowerCase());
  const twice = lower.find((name, index) => lower.indexOf(name) < index);
  if (twice !== undefined) {
    throw new ConfigError(
      `config.*_header: expected five different header names, got ${quoted(twice)} twice`,
    );
  }
  const both = lower.find((name) => tokenHeaders.includes(name));
  if (both !== undefined) {
    throw new ConfigError(`config.header_names: expected none of the *_header fields, got ${quoted(both)}`);
  }
}

function requireNamed({ consumer, token, headerNames }: GatekeeperConfig): void {
  if (consumer === undefined) return;
  if (consumer.by === 'claim' && token.consumerClaim === undefined) {
    throw new ConfigError('config.consumer_by: claim needs the consumer_claim');
  }
  const kongs: readonly string[] = CONSUMER_HEADERS.map((name) => name.toLowerCase());
  const both = Object.values<string>({ ...headerNames }).find((name) => kongs.includes(name.toLowerCase()));
  if (both === undefined) return;
  const expected = 'expected none of the headers in which Kong tells the consumer';
  throw new ConfigError(`config.*_header: ${expected}, got ${quoted(both)}`);
}

/** A hash tag before the tenant's would send limits to another slot than the tenant's returns, which no script may have both of. */
function requireTenantsSlot({ redis: { url = '', key_prefix: keyPrefix } }: RawConfig): void {
  if (!keyPrefix.includes('{') || parseRedisUrl(url)?.kind !== 'cluster') return;
  throw new ConfigError(
    `config.redis.key_prefix: expected no brace in it with a cluster, where the tenant is the hash tag, got ${quoted(keyPrefix)}`,
  );
}

/** Every key that the configuration names gets its prefix here. */
function toConfig(raw: RawConfig): GatekeeperConfig {
  const { prefix } = raw.redis;
  const { redis: revocationRedis } = raw.revocation;
  const authorization = compileAuthorization(raw);
  return {
    tokenLocations: {
      headerNames: raw.header_names.map((name) => name.toLowerCase()),
      subprotocolPrefixes: raw.subprotocol_prefixes,
      cookieNames: raw.cookie_names,
      uriParamNames: raw.uri_param_names,
    },
    origins: { allowed: raw.allowed_origins, allowAbsent: raw.allow_absent_origin },
    token: tokenRules(raw, authorization),
    authorization,
    authorizationService: serviceSettings(raw.authorization_service),
    jwks: raw.jwks_uri === undefined ? undefined : { ...jwksTimes(raw), uri: raw.jwks_uri },
    tokenCacheSize: raw.token_cache_size,
    realm: raw.realm,
    headerNames: {
      tenant: raw.tenant_header,
      user: raw.user_header,
      roles: raw.roles_header,
      requestId: raw.request_id_header,
      assertion: raw.assertion_header,
    },
    callerHeaders: callerHeaders(raw),
    httpStreaming: raw.http_streaming,
    consumer: raw.consumer_by && { by: raw.consumer_by, lookup: raw.consumer_lookup },
    rateLimits: raw.rate_limits.filter(({ counts }) => counts !== 'refused').map(toLimit),
    messageLimits: raw.message_limits.map(({ by, ...figures }) => ({
      by,
      rate: toRate(figures),
      paths: [],
      tiers: new Map(),
    })),
    refusedLimits: raw.rate_limits.filter(({ by }) => by === 'ip').map(toLimit),
    overLimitVerifications: raw.over_limit_verifications,
    ipv6PrefixBits: raw.ipv6_prefix,
    faultTolerant: raw.fault_tolerant,
    returnPrefix: raw.returns ? prefix : undefined,
    errorMessage: raw.error_message,
    retryAfterJitterMaxSeconds: raw.retry_after_jitter_max,
    hideClientHeaders: raw.hide_client_headers,
    rateLimitReset: raw.rate_limit_reset,
    tierKey: raw.tier_key === undefined ? undefined : prefix + raw.tier_key,
    revocation: {
      enabled: raw.revocation.enabled,
      keyPrefix: (revocationRedis?.prefix ?? prefix) + raw.revocation.key_prefix,
      faultTolerant: raw.revocation.fault_tolerant,
      redis: revocationRedis && {
        ...connectionSettings(revocationRedis),
        namePrefix: revocationRedis.prefix ?? prefix,
        keyPrefix: '',
        keeps: 'revocations',
      },
    },
    redis: {
      ...connectionSettings(raw.redis),
      namePrefix: prefix,
      keyPrefix: prefix + raw.redis.key_prefix,
      keeps: revocationRedis === undefined ? 'all' : 'limits',
    },
    decisionTimeoutMs: raw.decision_timeout,
    healthPath: raw.health_path === undefined ? undefined : canonicalPath(raw.health_path),
  };
}

function callerHeaders(raw: RawConfig): GatekeeperConfig['callerHeaders'] {
  const { tenant_header: tenant, user_header: user, roles_header: roles } = raw;
  const { request_id_header: requestId, assertion_header: assertion } = raw;
  const own = [tenant, user, roles, requestId, assertion];
  return new Set([...own, ...CONSUMER_HEADERS, ...GROUP_HEADERS].map(looseName));
}

function tokenRules(raw: RawConfig, { claims, detailTypes }: Authorization): GatekeeperConfig['token'] {
  return {
    algorithms: raw.algorithms,
    issuers: raw.issuers,
    audiences: raw.audiences,
    tokenTypeClaim: raw.token_type_claim,
    tokenTypes: raw.token_types,
    tenantClaim: raw.tenant_claim,
    tenantPrefixes: tenantPrefixes(raw),
    userClaim: raw.user_claim,
    userClaimFallback: raw.user_claim_fallback,
    rolesClaim: raw.roles_claim,
    tierClaim: raw.tier_claim,
    consumerClaim: raw.consumer_by === 'claim' ? raw.consumer_claim : undefined,
    requiredClaims: raw.required_claims,
    authorizationClaims: claims,
    authorizationDetailTypes: detailTypes,
    optionalClaims: raw.optional_claims,
    clockToleranceSeconds: raw.clock_tolerance_seconds,
    maximumExpirationSeconds: raw.maximum_expiration,
    maximumTokenBytes: raw.maximum_token_bytes,
  };
}

function jwksTimes(raw: RawConfig) {
  return {
    cacheSeconds: raw.jwks_cache_seconds,
    staleSeconds: raw.jwks_stale_seconds,
    cooldownSeconds: raw.jwks_cooldown_seconds,
    timeoutMs: raw.jwks_timeout,
  };
}

function toLimit({ by, paths, tiers, ...figures }: RawConfig['rate_limits'][number]): RateLimit {
  const rates = Object.entries(tiers).map(([tier, tierFigures]) => [tier, toRate(tierFigures)] as const);
  const page = toPage(figures.page_seconds, figures.page_upgrades);
  return { by, rate: toRate(figures), paths: paths.map(canonicalPath), tiers: new Map(rates), page };
}

function toPage(seconds: number, upgrades: number): RateLimit['page'] {
  return seconds === 0 ? undefined : { seconds, upgrades };
}

/** Those of a limit, under either name of its window. */
interface Figures {
  readonly limit: number;
  readonly window_size: number | undefined;
  readonly window_seconds?: number | undefined;
  readonly burst: number;
}

function toRate({ limit, window_size, window_seconds, burst }: Figures): Rate {
  const windowSeconds = window_size ?? window_seconds ?? DEFAULT_WINDOW_SECONDS;
  return Object.freeze({ limit, windowSeconds, burst });
}

function connectionSettings(
  raw: Omit<RawConfig['redis'], 'prefix' | 'key_prefix'>,
): Omit<RedisSettings, 'namePrefix' | 'keyPrefix' | 'keeps'> {
  return {
    url: raw.url,
    host: raw.host,
    port: raw.port,
    username: raw.username,
    password: raw.password,
    sentinelUsername: raw.sentinel_username,
    sentinelPassword: raw.sentinel_password,
    database: raw.database,
    tls: raw.ssl,
    tlsVerify: raw.ssl_verify,
    serverName: raw.server_name,
    timeoutMs: raw.timeout,
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
