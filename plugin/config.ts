import { z } from 'zod';
import type { HeaderNames } from '../protocol/headers';
import {
  HMAC_ALGORITHMS,
  importSecret,
  parsePrivateKey,
  parsePublicKey,
  type FittedKey,
  type HmacAlgorithm,
} from '../protocol/keys';
import { ALGORITHMS } from './schema';

/** One limit: GCRA with `limit` upgrades a window and `burst` more ahead of that rate. */
export interface RateLimit {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly burst: number;
}

/** How to reach Redis. */
export interface RedisSettings {
  readonly url: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly tls: boolean;
  readonly tlsVerify: boolean;
  readonly serverName: string | undefined;
  readonly timeoutMs: number;
  readonly keyPrefix: string;
}

/** The plugin's configuration, checked and frozen. Keys are kept apart: see {@link GatekeeperKeys}. */
export interface GatekeeperConfig {
  readonly token: {
    readonly algorithms: readonly string[];
    readonly issuers: readonly string[];
    readonly audiences: readonly string[];
    readonly tokenTypeClaim: readonly string[];
    readonly tokenTypes: readonly string[];
    readonly tenantClaim: readonly string[];
    readonly userClaim: readonly string[];
    readonly rolesClaim: readonly string[];
    readonly clockToleranceSeconds: number;
    readonly maximumTokenBytes: number;
  };
  readonly realm: string;
  readonly headerNames: HeaderNames;
  /** Undefined when limiting is switched off. */
  readonly rateLimit: RateLimit | undefined;
  readonly redis: RedisSettings;
  readonly decisionTimeoutMs: number;
}

/** The key material of a configuration. */
export interface GatekeeperKeys {
  /** Verify users' tokens. */
  readonly token: readonly FittedKey[];
  /** Signs assertions. */
  readonly assertion: FittedKey;
}

/** A configuration that cannot be used. The message names the field and what was expected, never a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_CONFIG_INVALID';
}

const optionalText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);
const texts = z.array(z.string().min(1));
const path = texts.min(1);

// Kong has validated and filled in the fields by the schema; unset optionals arrive as null.
const rawConfig = z.object({
  secret: optionalText,
  public_keys: z.array(z.object({ kid: optionalText, key: z.string().min(1) })),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1),
  issuers: texts,
  audiences: texts,
  token_type_claim: path,
  token_types: texts,
  tenant_claim: path,
  user_claim: path,
  roles_claim: path,
  clock_tolerance_seconds: z.int().nonnegative(),
  maximum_token_bytes: z.int().positive(),
  realm: z.string().min(1),
  tenant_header: headerName(),
  user_header: headerName(),
  roles_header: headerName(),
  request_id_header: headerName(),
  assertion_header: headerName(),
  assertion_secret: optionalText,
  assertion_private_key: optionalText,
  assertion_key_id: optionalText,
  rate_limit: z.object({
    enabled: z.boolean(),
    limit: z.int().positive(),
    window_seconds: z.int().positive(),
    burst: z.int().nonnegative(),
  }),
  redis: z.object({
    url: optionalText,
    host: z.string().min(1),
    port: z.int(),
    username: optionalText,
    password: optionalText,
    database: z.int().nonnegative(),
    ssl: z.boolean(),
    ssl_verify: z.boolean(),
    server_name: optionalText,
    timeout: z.int().positive(),
    key_prefix: z.string(),
  }),
  decision_timeout: z.int().positive(),
});

type RawConfig = z.infer<typeof rawConfig>;

/**
 * Parses what Kong hands over, once an instance.
 * @throws ConfigError naming every field at fault
 */
export async function parseConfig(
  raw: unknown,
): Promise<{ readonly config: GatekeeperConfig; readonly keys: GatekeeperKeys }> {
  const result = rawConfig.safeParse(raw);
  if (!result.success) throw new ConfigError(result.error.issues.map(describe).join('; '));
  const config = freezeConfig(result.data);
  requireDistinct(config.headerNames);
  return { config, keys: await importKeys(result.data) };
}

function describe(issue: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  return `config.${issue.path.map(String).join('.')}: ${issue.message}`;
}

function headerName() {
  // RFC 9110 §5.1: a field name is a token.
  return z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected an HTTP field name');
}

function requireDistinct(names: HeaderNames): void {
  const lower = Object.values<string>({ ...names }).map((name) => name.toLowerCase());
  if (new Set(lower).size !== lower.length) {
    throw new ConfigError('config.*_header: expected five different header names');
  }
}

function freezeConfig(raw: RawConfig): GatekeeperConfig {
  return Object.freeze({
    token: Object.freeze({
      algorithms: Object.freeze([...raw.algorithms]),
      issuers: Object.freeze([...raw.issuers]),
      audiences: Object.freeze([...raw.audiences]),
      tokenTypeClaim: Object.freeze([...raw.token_type_claim]),
      tokenTypes: Object.freeze([...raw.token_types]),
      tenantClaim: Object.freeze([...raw.tenant_claim]),
      userClaim: Object.freeze([...raw.user_claim]),
      rolesClaim: Object.freeze([...raw.roles_claim]),
      clockToleranceSeconds: raw.clock_tolerance_seconds,
      maximumTokenBytes: raw.maximum_token_bytes,
    }),
    realm: raw.realm,
    headerNames: Object.freeze({
      tenant: raw.tenant_header,
      user: raw.user_header,
      roles: raw.roles_header,
      requestId: raw.request_id_header,
      assertion: raw.assertion_header,
    }),
    rateLimit: raw.rate_limit.enabled
      ? Object.freeze({
          limit: raw.rate_limit.limit,
          windowSeconds: raw.rate_limit.window_seconds,
          burst: raw.rate_limit.burst,
        })
      : undefined,
    redis: Object.freeze({
      url: raw.redis.url,
      host: raw.redis.host,
      port: raw.redis.port,
      username: raw.redis.username,
      password: raw.redis.password,
      database: raw.redis.database,
      tls: raw.redis.ssl,
      tlsVerify: raw.redis.ssl_verify,
      serverName: raw.redis.server_name,
      timeoutMs: raw.redis.timeout,
      keyPrefix: raw.redis.key_prefix,
    }),
    decisionTimeoutMs: raw.decision_timeout,
  });
}

async function importKeys(raw: RawConfig): Promise<GatekeeperKeys> {
  const token = [...(await secretKeys(raw)), ...publicKeys(raw)];
  for (const algorithm of raw.algorithms) {
    if (!token.some((key) => key.algorithms.includes(algorithm))) {
      throw new ConfigError(`config.algorithms: ${algorithm} is allowed, but no key fits it`);
    }
  }
  return Object.freeze({ token: Object.freeze(token), assertion: await assertionKey(raw) });
}

async function secretKeys(raw: RawConfig): Promise<FittedKey[]> {
  const { secret } = raw;
  if (secret === undefined) return [];
  const algorithms = HMAC_ALGORITHMS.filter((algorithm) => raw.algorithms.includes(algorithm));
  return named('config.secret', () =>
    Promise.all(algorithms.map((algorithm) => importSecret(secret, algorithm))),
  );
}

function publicKeys(raw: RawConfig): FittedKey[] {
  return raw.public_keys.map(({ key, kid }, index) => {
    try {
      return parsePublicKey(key, kid);
    } catch (cause) {
      throw new ConfigError(`config.public_keys[${index}].key: ${(cause as Error).message}`);
    }
  });
}

async function assertionKey(raw: RawConfig): Promise<FittedKey> {
  const { assertion_secret: secret, assertion_private_key: privateKey, assertion_key_id: kid } = raw;
  if (secret !== undefined && secret === raw.secret) {
    throw new ConfigError('config.assertion_secret: expected another secret than config.secret');
  }
  if (privateKey !== undefined) {
    return named('config.assertion_private_key', () => Promise.resolve(parsePrivateKey(privateKey, kid)));
  }
  if (secret === undefined) {
    throw new ConfigError('config.assertion_secret: expected this or config.assertion_private_key');
  }
  const algorithm: HmacAlgorithm = 'HS256';
  return named('config.assertion_secret', () => importSecret(secret, algorithm, kid));
}

async function named<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ConfigError(`${field}: ${(cause as Error).message}`);
  }
}
