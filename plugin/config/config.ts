import type { HeaderNames } from '../../protocol/headers';
import type { Authorization } from './authorization';
import type { AuthorizationServiceSettings } from './authorization-service';
import type { KeptKeys } from '../../redis/memory-doubt';

/** Where a token may be, looked at in this order. Names in lower case where HTTP ignores case. */
export interface TokenLocations {
  readonly headerNames: readonly string[];
  readonly subprotocolPrefixes: readonly string[];
  readonly cookieNames: readonly string[];
  readonly uriParamNames: readonly string[];
}

/** Which Origins may connect. */
export interface OriginRules {
  readonly allowed: readonly string[];
  readonly allowAbsent: boolean;
}

/** Prefixes of a token's tenant, so that two issuers' tenants of one name are two tenants. */
export interface TenantPrefixes {
  /** By `iss`; none where all tokens have the same prefix. */
  readonly byIssuer: ReadonlyMap<string, string>;
  /** The prefix for every other token; undefined where there may be none. */
  readonly others: string | undefined;
}

/** The rules that a token must meet. */
export interface TokenRules {
  readonly algorithms: readonly string[];
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly tokenTypeClaim: readonly string[];
  readonly tokenTypes: readonly string[];
  readonly tenantClaim: readonly string[];
  readonly tenantPrefixes: TenantPrefixes;
  readonly userClaim: readonly string[];
  /** Looked at where a token has no user claim. */
  readonly userClaimFallback: readonly string[] | undefined;
  readonly rolesClaim: readonly string[];
  readonly tierClaim: readonly string[];
  /** The claim with the username of the consumer; undefined where no claim names it. */
  readonly consumerClaim: readonly string[] | undefined;
  readonly requiredClaims: readonly string[];
  /** The claims that are kept for rules of authorization. */
  readonly authorizationClaims: readonly (readonly string[])[];
  /** The types of `authorization_details` that are kept for them. */
  readonly authorizationDetailTypes: readonly string[];
  /** Which of `iss`, `aud` and `type` a token may lack. */
  readonly optionalClaims: readonly string[];
  readonly clockToleranceSeconds: number;
  /** 0 for no limit. */
  readonly maximumExpirationSeconds: number;
  readonly maximumTokenBytes: number;
}

/** Where further public keys are fetched from. */
export interface JwksSettings {
  readonly uri: string;
  readonly cacheSeconds: number;
  readonly staleSeconds: number;
  readonly cooldownSeconds: number;
  readonly timeoutMs: number;
}

/** The figures of a limit: GCRA with `limit` upgrades a window and `burst` more ahead of that rate. */
export interface Rate {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly burst: number;
}

/** The upgrades that a limit charges once, as those of one page. */
export interface PageRule {
  /** How long after the one that was charged. */
  readonly seconds: number;
  /** How many at most, each to another path. */
  readonly upgrades: number;
}

/** The property of an upgrade by which a limit counts. */
export type LimitedBy = 'tenant' | 'user' | 'route' | 'ip';

/** One limit on upgrades. */
export interface RateLimit {
  readonly by: LimitedBy;
  readonly rate: Rate;
  /** Path prefixes that it counts, in a path's one spelling (protocol/path.ts); all when empty. */
  readonly paths: readonly string[];
  /** Other figures by the token's tier. */
  readonly tiers: ReadonlyMap<string, Rate>;
  /** Not there where each upgrade is charged. */
  readonly page?: PageRule | undefined;
}

/** The property of an upgrade that is its consumer's username. */
export type ConsumerBy = 'tenant' | 'user' | 'claim';

/** How an upgrade gets a consumer of Kong's. */
export interface ConsumerRule {
  readonly by: ConsumerBy;
  /** Whether Kong has to have the consumer. */
  readonly lookup: boolean;
}

/** The form of X-RateLimit-Reset: seconds until it, or its Unix timestamp. */
export type RateLimitReset = 'seconds' | 'timestamp';

/** How revoked tokens are known. */
export interface RevocationRules {
  readonly enabled: boolean;
  /** Before a token's `jti`. */
  readonly keyPrefix: string;
  readonly faultTolerant: boolean;
  /** Where they are, and nothing else is; undefined where they are beside the limits. */
  readonly redis: RedisSettings | undefined;
}

/** How to reach Redis. */
export interface RedisSettings {
  /** As `parseRedisUrl` takes it; goes before host, port, database and tls. */
  readonly url: string | undefined;
  readonly host: string;
  readonly port: number;
  /** For a url that names none. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly database: number;
  readonly tls: boolean;
  readonly tlsVerify: boolean;
  readonly serverName: string | undefined;
  readonly timeoutMs: number;
  /** Before every key, and already in front of those that the configuration names; empty for none. */
  readonly namePrefix: string;
  /** Before the keys of the limits. */
  readonly keyPrefix: string;
  /** The keys that are kept there, as far as this configuration knows. */
  readonly keeps: KeptKeys;
}

/** The plugin's configuration, checked and frozen. Keys are kept apart: see keys.ts. */
export interface GatekeeperConfig {
  readonly tokenLocations: TokenLocations;
  readonly origins: OriginRules;
  readonly token: TokenRules;
  readonly jwks: JwksSettings | undefined;
  /** How many verified tokens are remembered. */
  readonly tokenCacheSize: number;
  readonly authorization: Authorization;
  readonly authorizationService: AuthorizationServiceSettings;
  readonly realm: string;
  readonly headerNames: HeaderNames;
  /** The headers that tell an upstream who calls, these and Kong's own, by their loose names (protocol/header-names.ts). */
  readonly callerHeaders: ReadonlySet<string>;
  /** Whether frames may be asked for over HTTP. */
  readonly httpStreaming: boolean;
  /** Undefined where upgrades have no consumer. */
  readonly consumer: ConsumerRule | undefined;
  /** Those that count upgrades with a good token. */
  readonly rateLimits: readonly RateLimit[];
  /** Those that count messages that are posted. */
  readonly messageLimits: readonly RateLimit[];
  /** Those by address, which count refused upgrades. */
  readonly refusedLimits: readonly RateLimit[];
  /** How many unknown tokens a second are verified for an address that is over one of them. */
  readonly overLimitVerifications: number;
  /** How many leading bits of an IPv6 address are one client. */
  readonly ipv6PrefixBits: number;
  /** Whether the limits hold in this process's memory while Redis is away. */
  readonly faultTolerant: boolean;
  /** The prefix of the keys of returns; undefined when none are taken. */
  readonly returnPrefix: string | undefined;
  /** The message of a 429 in place of the own one. */
  readonly errorMessage: string | undefined;
  /** The most that is added to the Retry-After of a 429 at random. */
  readonly retryAfterJitterMaxSeconds: number;
  readonly hideClientHeaders: boolean;
  readonly rateLimitReset: RateLimitReset;
  /** The Redis key with a tenant's tier, with `{tenant}` in it. */
  readonly tierKey: string | undefined;
  readonly revocation: RevocationRules;
  readonly redis: RedisSettings;
  readonly decisionTimeoutMs: number;
  /** Where the gatekeeper answers balancers, in its one spelling; undefined for nowhere. */
  readonly healthPath: string | undefined;
}
