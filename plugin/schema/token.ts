import { ALGORITHMS } from './algorithms';
import { claimPath, type SchemaField } from './field';
import { printable, tenantPrefix } from './patterns';

/** The claims that a token may lack where `optional_claims` says so; `type` is the token_type_claim, whatever its name. */
export const OPTIONAL_CLAIMS = ['iss', 'aud', 'type'] as const;

/** The longest prefix of tenants, in bytes; with it a tenant has 256 at most. */
export const MAX_TENANT_PREFIX_BYTES = 64;

/** The rules that a token must meet. */
export const tokenFields: readonly SchemaField[] = [
  {
    algorithms: {
      type: 'array',
      elements: { type: 'string', one_of: ALGORITHMS },
      len_min: 1,
      required: true,
      default: ['HS256'],
      description: 'The JWS algorithms that are accepted. Each needs a key of its kind.',
    },
  },
  {
    issuers: {
      type: 'array',
      elements: { type: 'string', len_min: 1 },
      required: true,
      default: ['matih-platform'],
      description: 'Accepted values of `iss`. An empty list accepts tokens of any issuer.',
    },
  },
  {
    audiences: {
      type: 'array',
      elements: { type: 'string', len_min: 1 },
      required: true,
      default: ['matih-api'],
      description: 'Accepted values of `aud`, of which a token needs one. An empty list accepts any.',
    },
  },
  { token_type_claim: claimPath('The claim that says what kind of token it is.', ['type']) },
  {
    token_types: {
      type: 'array',
      elements: { type: 'string', len_min: 1 },
      required: true,
      default: ['access'],
      description: 'Accepted kinds of token, so that a refresh token is refused. An empty list accepts any.',
    },
  },
  { tenant_claim: claimPath('The claim with the tenant: a string or an integer.', ['tenant_id']) },
  {
    tenant_prefix: {
      type: 'string',
      len_max: MAX_TENANT_PREFIX_BYTES,
      ...tenantPrefix,
      description:
        "The text that is put before every token's tenant, for example `b~`: limits, tiers, sessions, caps, channels, revocations by tenant and X-Tenant-ID then have `b~acme`. For a configuration whose issuer's tenants are not those of another configuration beside the same Redis.",
    },
  },
  {
    tenant_prefixes: {
      type: 'map',
      required: true,
      keys: { type: 'string', len_min: 1 },
      values: { type: 'string', len_min: 0, len_max: MAX_TENANT_PREFIX_BYTES, ...tenantPrefix },
      default: {},
      description:
        'The same by issuer: a prefix for each of `issuers`, required where there are two or more, since both may have a tenant `acme`. Issuers that share their tenants have the same one, which may be empty. No prefix may begin another that differs from it, and optional_claims may not have `iss`.',
    },
  },
  { user_claim: claimPath('The claim with the user: a string or an integer.', ['sub']) },
  {
    user_claim_fallback: {
      type: 'array',
      elements: { type: 'string', len_min: 1 },
      len_min: 1,
      description:
        'The claim with the user where a token has no user_claim. Several elements are the path to a nested claim. A number and its digits as text name the same user.',
    },
  },
  { roles_claim: claimPath('The claim with the roles: an array of strings; may be absent.', ['roles']) },
  {
    clock_tolerance_seconds: {
      type: 'integer',
      required: true,
      between: [0, 300],
      default: 5,
      description:
        'How far the clocks of issuer and gatekeeper may differ when `exp`, `nbf` and `iat` are checked, in seconds.',
    },
  },
  {
    maximum_expiration: {
      type: 'integer',
      required: true,
      between: [0, 31_536_000],
      default: 0,
      description: 'The furthest in the future that `exp` may lie, in seconds; 0 for no limit.',
    },
  },
  {
    required_claims: {
      type: 'array',
      elements: { type: 'string', len_min: 1 },
      required: true,
      default: [],
      description:
        'Claims that a token must have besides `exp`, the tenant and the user, for example `jti`; also one that optional_claims names.',
    },
  },
  {
    optional_claims: {
      type: 'array',
      elements: { type: 'string', one_of: OPTIONAL_CLAIMS },
      required: true,
      default: [],
      description:
        'Which of `iss`, `aud` and `type` (the token_type_claim) a token may lack. One that it has is checked all the same. By default a token needs each whose accepted values are listed.',
    },
  },
  {
    token_cache_size: {
      type: 'integer',
      required: true,
      between: [0, 1_000_000],
      default: 10_000,
      description:
        'How many verified tokens are remembered (by hash, until they expire), so that reconnects are cheap; 0 for none.',
    },
  },
  {
    maximum_token_bytes: {
      type: 'integer',
      required: true,
      between: [256, 65_536],
      default: 8192,
      description: 'The longest token that is looked at, in bytes.',
    },
  },
  {
    realm: {
      type: 'string',
      required: true,
      len_min: 1,
      ...printable,
      default: 'ws-gatekeeper',
      description: 'The realm in the WWW-Authenticate header of a 401 (RFC 6750 §3): printable ASCII.',
    },
  },
];
