import { z } from 'zod';
import { isNamePrefix, NAME_PREFIX_FORM } from '../../redis/name-prefix';
import { redisUrlFault } from '../../redis/url';
import {
  ALGORITHMS,
  AUTHORIZATION_DEFAULTS,
  CONNECTION_DEFAULTS,
  DEFAULT_MESSAGE_LIMITS,
  DEFAULT_OVER_LIMIT_VERIFICATIONS,
  DEFAULT_PAGE_UPGRADES,
  MAX_ANSWER_CACHE_SECONDS,
  MAX_PAGE_SECONDS,
  MAX_PAGE_UPGRADES,
  MAX_SECRETS,
  MAX_TENANT_PREFIX_BYTES,
  OPTIONAL_CLAIMS,
  QUESTION_FORMATS,
  RULE_OTHERWISE,
  SERVICE_DEFAULTS,
} from '../schema';
import { ACCESSES } from '../../protocol/access';
import { ownHeaderFault, tokenHeaderFault } from '../../protocol/header-names';
import { quoted } from '../../protocol/quoted';
import { DEFAULT_IPV6_PREFIX_BITS } from '../lib/client-network';
import { canonicalOrigin } from './origins';

/** Not there where it is not set, or null: Kong hands over either, and an earlier gatekeeper's schema has fewer fields. */
const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);
const optionalText = optional(z.string());
const texts = z.array(z.string().min(1));
const claimPath = texts.min(1);
/** A message that quotes the value: it is for those that are no secret and no URL, which may hold one. */
const expected = (form: string) => ({
  error: ({ input }: { readonly input?: unknown }) => `expected ${form}, got ${quoted(input)}`,
});
const headerName = (faultOf: (name: string) => string | undefined) =>
  z.string().superRefine((name, context) => {
    const message = faultOf(name);
    if (message !== undefined)
      context.addIssue({ code: 'custom', message: `${message}, got ${quoted(name)}` });
  });
const ownHeader = headerName(ownHeaderFault);
// RFC 9110 §5.6.2.
const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, expected('characters of an HTTP token'));
const origin = z.string().transform((text, context) => {
  const canonical = canonicalOrigin(text);
  if (canonical !== undefined) return canonical;
  const form = 'an Origin like https://app.example.com or https://*.example.com, or * for any';
  // With a user and a password in it, it is none.
  const got = text.includes('@') ? '' : `, got ${quoted(text)}`;
  context.addIssue({ code: 'custom', message: `expected ${form}${got}` });
  return z.NEVER;
});
const httpUrl = z
  .url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' })
  .refine((text) => {
    const url = URL.parse(text);
    return url?.username === '' && url.password === '';
  }, 'expected a URL without user and password');
/** Where questions of authorization go. No secret is in it: those are in headers. */
const serviceUrl = httpUrl.refine((text) => !/[?#]/.test(text), 'expected a URL without query and fragment');
/** A name that is none is not told either: it may be a whole header, with its value. */
const serviceHeader = z.string().superRefine((name, context) => {
  const message = tokenHeaderFault(name);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});
/** Never told: it may be a secret. */
const headerValue = z
  .string()
  .regex(/^[!-~](?:[ -~]*[!-~])?$/, 'expected printable ASCII without outer spaces');
const pathPrefix = z.string().regex(/^\/[^?#\s]*$/, expected('a path that begins with a slash'));
const redisUrl = z.string().superRefine((text, context) => {
  const message = redisUrlFault(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});
/** An empty one is none. */
const credential = optionalText.transform((text) => (text === '' ? undefined : text));
const tierKey = z
  .string()
  .regex(
    /^[^{}]*(?:\{tenant\}|\{\{tenant\}\})[^{}]*$/,
    expected('a Redis key with {tenant} in it once, like tier:{tenant}'),
  );
/** The upgrades that a limit counts: those with a good token and, by address, refused ones; or refused ones alone. */
const counts = optional(z.enum(['all', 'refused'])).transform((given) => given ?? 'all');
const tenantPrefix = z
  .string()
  .regex(/^[!-~]*$/, expected('visible ASCII'))
  .max(MAX_TENANT_PREFIX_BYTES);
const rate = {
  limit: z.int().positive(),
  window_size: optional(z.int().positive()),
  /** Its earlier name. */
  window_seconds: optional(z.int().positive()),
  burst: z.int().nonnegative(),
};
const ONE_WINDOW = {
  path: ['window_size'],
  message: 'expected the same as its earlier name window_seconds, or only one of them',
};
function hasOneWindow({
  window_size: now,
  window_seconds: before,
}: z.infer<z.ZodObject<typeof rate>>): boolean {
  return now === undefined || before === undefined || now === before;
}

const namePrefix = z.string().refine(isNamePrefix, expected(NAME_PREFIX_FORM));
const redisConnection = {
  url: redisUrl.nullish().transform((url) => url ?? undefined),
  host: z.string().min(1),
  port: z.int(),
  username: credential,
  password: credential,
  sentinel_username: credential,
  sentinel_password: credential,
  database: z.int().nonnegative(),
  ssl: z.boolean(),
  ssl_verify: z.boolean(),
  server_name: optionalText,
  timeout: z.int().positive(),
};

/** None where nothing of it is given: Kong hands over an empty record all the same, or one of nulls. */
const revocationRedis = z.preprocess(
  (fields, context): unknown => {
    if (typeof fields !== 'object' || fields === null) return fields;
    const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
    if (given.length === 0) return undefined;
    if (given.some(([name]) => name === 'url' || name === 'host')) {
      return { ...CONNECTION_DEFAULTS, ...Object.fromEntries(given) };
    }
    context.addIssue({ code: 'custom', message: 'expected url or host, got neither' });
    return z.NEVER;
  },
  optional(z.object({ ...redisConnection, prefix: optional(namePrefix) })),
);

const details = z.preprocess(
  withoutNulls,
  z.strictObject({
    type: z.string().min(1),
    locations: texts.min(1).optional(),
    read_actions: texts.min(1).optional(),
    write_actions: texts.min(1).optional(),
  }),
);

/**
 * A rule, of which every member must be known: a condition that an older gatekeeper passed over would let in whom it keeps out. Kong
 * hands over the members of its own schema that are not set as nulls.
 */
const rule = z.preprocess(
  withoutNulls,
  z.strictObject({
    paths: texts.min(1),
    roles: texts.min(1).optional(),
    claim: claimPath.optional(),
    values: texts.min(1).optional(),
    details: details.optional(),
    url: serviceUrl.optional(),
    access: z.enum(ACCESSES).default('write'),
    otherwise: z.enum(RULE_OTHERWISE).default('refuse'),
  }),
);

/** An earlier gatekeeper's schema has none of it. */
const authorizationService = z.preprocess(
  (fields): unknown => ({ ...SERVICE_DEFAULTS, ...(withoutNulls(fields) as object | undefined) }),
  z.object({
    format: z.enum(QUESTION_FORMATS),
    headers: z.record(serviceHeader, headerValue),
    timeout: z.int().positive(),
    cache_seconds: z.int().nonnegative().max(MAX_ANSWER_CACHE_SECONDS),
    refused_cache_seconds: z.int().nonnegative().max(MAX_ANSWER_CACHE_SECONDS),
    cache_size: z.int().nonnegative(),
  }),
);

function withoutNulls(fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** The configuration as Kong hands it over: validated and filled in by the schema, unset optionals left out or null. */
export const rawConfig = z.object({
  header_names: z.array(headerName(tokenHeaderFault)),
  subprotocol_prefixes: z.array(token),
  cookie_names: z.array(token),
  uri_param_names: texts,
  allowed_origins: z.array(origin),
  allow_absent_origin: z.boolean(),
  secret: optionalText,
  secrets: optional(z.array(z.object({ kid: optionalText, secret: z.string() })).max(MAX_SECRETS)).transform(
    (given) => given ?? [],
  ),
  public_keys: z.array(z.object({ kid: optionalText, key: z.string().min(1) })),
  jwks_uri: httpUrl.nullish().transform((uri) => uri ?? undefined),
  jwks_cache_seconds: z.int().positive(),
  jwks_stale_seconds: z.int().nonnegative(),
  jwks_cooldown_seconds: z.int().positive(),
  jwks_timeout: z.int().positive(),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1),
  issuers: texts,
  audiences: texts,
  token_type_claim: claimPath,
  token_types: texts,
  tenant_claim: claimPath,
  tenant_prefix: optional(tenantPrefix.min(1)),
  tenant_prefixes: optional(z.record(z.string().min(1), tenantPrefix)).transform((given) => given ?? {}),
  user_claim: claimPath,
  user_claim_fallback: optional(claimPath),
  roles_claim: claimPath,
  tier_claim: claimPath,
  tier_key: optional(tierKey),
  required_claims: texts,
  optional_claims: optional(z.array(z.enum(OPTIONAL_CLAIMS))).transform((claims) => claims ?? []),
  clock_tolerance_seconds: z.int().nonnegative(),
  maximum_expiration: z.int().nonnegative(),
  maximum_token_bytes: z.int().positive(),
  token_cache_size: z.int().nonnegative(),
  realm: z.string().regex(/^[ -~]+$/, expected('printable ASCII')),
  tenant_header: ownHeader,
  user_header: ownHeader,
  roles_header: ownHeader,
  request_id_header: ownHeader,
  assertion_header: ownHeader.refine((name) => !name.includes('.'), expected('no dot')),
  http_streaming: optional(z.boolean()).transform((given) => given ?? true),
  consumer_by: optional(z.enum(['tenant', 'user', 'claim'])),
  consumer_claim: optional(claimPath),
  consumer_lookup: optional(z.boolean()).transform((given) => given ?? false),
  health_path: z
    .string()
    .regex(/^\/[^?#]*$/, expected('a path that begins with /'))
    .nullish()
    .transform((path) => path ?? undefined),
  authorization: optional(z.array(rule)).transform((rules) => rules ?? []),
  authorization_service: authorizationService,
  authorization_default: optional(z.enum(AUTHORIZATION_DEFAULTS)).transform((given) => given ?? 'allow'),
  assertion_secret: optionalText,
  assertion_private_key: optionalText,
  assertion_key_id: optionalText,
  rate_limits: z.array(
    z
      .object({
        by: z.enum(['tenant', 'user', 'route', 'ip']),
        counts,
        ...rate,
        paths: z.array(pathPrefix),
        tiers: z.record(z.string(), z.object(rate).refine(hasOneWindow, ONE_WINDOW)),
        page_seconds: optional(z.int().nonnegative().max(MAX_PAGE_SECONDS)).transform((given) => given ?? 0),
        page_upgrades: optional(z.int().min(2).max(MAX_PAGE_UPGRADES)).transform(
          (given) => given ?? DEFAULT_PAGE_UPGRADES,
        ),
      })
      .refine(hasOneWindow, ONE_WINDOW)
      .refine((limit) => limit.page_seconds === 0 || limit.by !== 'ip', {
        path: ['page_seconds'],
        message: "expected 0 where `by` is `ip`: a page is one user's",
      })
      .refine((limit) => limit.counts === 'all' || limit.by === 'ip', {
        path: ['counts'],
        message: 'expected `all` unless `by` is `ip`: a refused upgrade has no tenant and no user',
      }),
  ),
  message_limits: optional(
    z.array(
      z.object({
        by: z.enum(['tenant', 'user']),
        limit: z.int().positive(),
        window_size: z.int().positive(),
        burst: z.int().nonnegative(),
      }),
    ),
  ).transform((given) => given ?? DEFAULT_MESSAGE_LIMITS),
  ipv6_prefix: optional(z.int()).transform((bits) => bits ?? DEFAULT_IPV6_PREFIX_BITS),
  over_limit_verifications: optional(z.int().nonnegative()).transform(
    (given) => given ?? DEFAULT_OVER_LIMIT_VERIFICATIONS,
  ),
  fault_tolerant: z.boolean(),
  returns: optional(z.boolean()).transform((given) => given ?? true),
  error_message: optionalText,
  retry_after_jitter_max: optional(z.int().nonnegative()).transform((given) => given ?? 0),
  hide_client_headers: z.boolean(),
  rate_limit_reset: optional(z.enum(['seconds', 'timestamp'])).transform((reset) => reset ?? 'seconds'),
  revocation: z.object({
    enabled: z.boolean(),
    key_prefix: z.string(),
    fault_tolerant: z.boolean(),
    redis: revocationRedis,
  }),
  redis: z.object({
    ...redisConnection,
    prefix: optionalText.transform((text) => text ?? '').pipe(namePrefix),
    key_prefix: z.string(),
  }),
  decision_timeout: z.int().positive(),
});

/** The output of {@link rawConfig}: the fields are checked. */
export type RawConfig = z.infer<typeof rawConfig>;
