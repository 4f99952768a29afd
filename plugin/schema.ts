import { DEFAULT_HEADER_NAMES } from '../protocol/headers';

/** A field's rules in Kong's schema language (kong/db/schema/init.lua), the subset used here. */
export interface FieldRule {
  readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'map' | 'record';
  /** 10 to 500 characters, required by Kong's schema linter. */
  readonly description?: string;
  readonly required?: boolean;
  readonly default?: unknown;
  /** The value may be a vault reference (`{vault://env/…}`), resolved by Kong. */
  readonly referenceable?: boolean;
  readonly one_of?: readonly string[];
  readonly between?: readonly [number, number];
  readonly len_min?: number;
  /** A Lua pattern. */
  readonly match?: string;
  readonly elements?: FieldRule;
  readonly keys?: FieldRule;
  readonly values?: FieldRule;
  readonly fields?: readonly SchemaField[];
}

/** One field: a record with the field's name as its only key, as Kong writes them. */
export type SchemaField = Readonly<Record<string, FieldRule>>;

/** Every algorithm that may be allowed; `none` is not among them. */
export const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const claimPath = (description: string, path: readonly string[]): FieldRule => ({
  type: 'array',
  elements: { type: 'string', len_min: 1 },
  len_min: 1,
  required: true,
  default: path,
  description: `${description} Several elements are the path to a nested claim.`,
});

const headerName = (description: string, name: string): FieldRule => ({
  type: 'string',
  required: true,
  len_min: 1,
  default: name,
  description,
});

const names = (description: string, defaults: readonly string[]): FieldRule => ({
  type: 'array',
  elements: { type: 'string', len_min: 1 },
  required: true,
  default: defaults,
  description: `${description} An empty list looks nowhere.`,
});

const placeFields: readonly SchemaField[] = [
  { header_names: names('The request headers that may carry the token, as `Bearer …`.', ['authorization']) },
  {
    subprotocol_prefixes: names(
      'A Sec-WebSocket-Protocol item that begins with one of these carries the token after it; it is removed before the upstream sees the list. The way for browsers.',
      ['bearer.'],
    ),
  },
  {
    cookie_names: names(
      'The cookies that may carry the token; they count only with an Origin of allowed_origins (cross-site WebSocket hijacking) and are removed before the upstream.',
      [],
    ),
  },
  {
    uri_param_names: names(
      'The query parameters that may carry the token, removed before the upstream. URLs end up in logs: a last resort.',
      [],
    ),
  },
  {
    allowed_origins: {
      type: 'array',
      elements: { type: 'string', len_min: 1 },
      required: true,
      default: [],
      description:
        'The Origins that may connect: exact (`https://app.example.com`) or with a wildcard label (`https://*.example.com`). An empty list lets any Origin connect, but no cookie counts then.',
    },
  },
  {
    allow_absent_origin: {
      type: 'boolean',
      required: true,
      default: true,
      description:
        'Whether a request without Origin, which no browser sends, may connect when allowed_origins is set.',
    },
  },
];

const tokenFields: readonly SchemaField[] = [
  {
    secret: {
      type: 'string',
      referenceable: true,
      description: 'The shared secret for HS256, HS384 and HS512: at least 32 bytes (RFC 7518 §3.2).',
    },
  },
  {
    public_keys: {
      type: 'array',
      required: true,
      default: [],
      description: 'The public keys for RS*, PS*, ES* and EdDSA.',
      elements: {
        type: 'record',
        fields: [
          {
            kid: {
              type: 'string',
              description:
                'Used for tokens whose header has this `kid`; without one, for any token that it fits.',
            },
          },
          {
            key: {
              type: 'string',
              required: true,
              referenceable: true,
              description: 'The public key in PEM (SPKI or certificate) or as a JWK (RFC 7517).',
            },
          },
        ],
      },
    },
  },
  {
    jwks_uri: {
      type: 'string',
      referenceable: true,
      description:
        'Where a JWK Set (RFC 7517) with further public keys is fetched from: an http:// or https:// URL.',
    },
  },
  {
    jwks_cache_seconds: {
      type: 'integer',
      required: true,
      between: [1, 86_400],
      default: 300,
      description: 'How long a fetched JWK Set is used before it is fetched again, in seconds.',
    },
  },
  {
    jwks_stale_seconds: {
      type: 'integer',
      required: true,
      between: [0, 604_800],
      default: 3600,
      description: 'How much longer it is used while jwks_uri cannot be fetched, in seconds; 503 after that.',
    },
  },
  {
    jwks_cooldown_seconds: {
      type: 'integer',
      required: true,
      between: [1, 3600],
      default: 5,
      description: 'How long no further fetch is made for tokens with an unknown `kid`, in seconds.',
    },
  },
  {
    jwks_timeout: {
      type: 'integer',
      required: true,
      between: [50, 30_000],
      default: 2000,
      description: 'How long a fetch of jwks_uri may take, in milliseconds.',
    },
  },
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
  { user_claim: claimPath('The claim with the user: a string or an integer.', ['sub']) },
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
      description: 'Claims that a token must have besides `exp`, the tenant and the user, for example `jti`.',
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
      default: 'ws-gatekeeper',
      description: 'The realm in the WWW-Authenticate header of a 401 (RFC 6750 §3).',
    },
  },
];

const upstreamFields: readonly SchemaField[] = [
  {
    tenant_header: headerName(
      'The request header that tells the upstream the tenant.',
      DEFAULT_HEADER_NAMES.tenant,
    ),
  },
  {
    user_header: headerName(
      'The request header that tells the upstream the user.',
      DEFAULT_HEADER_NAMES.user,
    ),
  },
  {
    roles_header: headerName(
      'The request header that tells the upstream the roles, comma separated.',
      DEFAULT_HEADER_NAMES.roles,
    ),
  },
  {
    request_id_header: headerName(
      "The request header with the request's id.",
      DEFAULT_HEADER_NAMES.requestId,
    ),
  },
  {
    assertion_header: headerName(
      'The request header with the signed assertion for ws-bridge.',
      DEFAULT_HEADER_NAMES.assertion,
    ),
  },
  {
    assertion_secret: {
      type: 'string',
      referenceable: true,
      description:
        'Signs the assertion with HS256: at least 32 bytes, shared with ws-bridge, not the token secret. This or assertion_private_key is required.',
    },
  },
  {
    assertion_private_key: {
      type: 'string',
      referenceable: true,
      description:
        'Signs the assertion with a private key in PEM or JWK (EC, Ed25519, RSA), so that ws-bridge holds only the public key.',
    },
  },
  {
    assertion_key_id: {
      type: 'string',
      description:
        'The `kid` of the assertion, for rotating its key; with a JWK its own `kid` is the default.',
    },
  },
];

const limitFields: readonly SchemaField[] = [
  {
    limit: {
      type: 'integer',
      required: true,
      between: [1, 1_000_000],
      description: 'How many upgrades a window_seconds are sustained. Required: there is no safe guess.',
    },
  },
  {
    window_seconds: {
      type: 'integer',
      required: true,
      between: [1, 86_400],
      default: 60,
      description: 'The window that `limit` counts for, in seconds.',
    },
  },
  {
    burst: {
      type: 'integer',
      required: true,
      between: [0, 1_000_000],
      default: 0,
      description: 'How many upgrades may come ahead of the sustained rate.',
    },
  },
];

const limitField: FieldRule = {
  type: 'record',
  fields: [
    {
      by: {
        type: 'string',
        required: true,
        one_of: ['tenant', 'user', 'route', 'ip'],
        default: 'tenant',
        description:
          "What is counted: a tenant, a tenant's user, a tenant on a Kong route, or a client's IP address.",
      },
    },
    ...limitFields,
    {
      paths: {
        type: 'array',
        elements: { type: 'string', len_min: 1 },
        required: true,
        default: [],
        description: 'Counts only upgrades whose path begins with one of these; an empty list counts all.',
      },
    },
    {
      tiers: {
        type: 'map',
        required: true,
        keys: { type: 'string', len_min: 1 },
        values: { type: 'record', fields: limitFields },
        default: {},
        description:
          "Other figures for tokens whose tier_claim has the key's value; any other token has those above.",
      },
    },
  ],
};

const storeFields: readonly SchemaField[] = [
  {
    rate_limits: {
      type: 'array',
      required: true,
      elements: limitField,
      default: [
        {
          by: 'tenant',
          limit: 60,
          window_seconds: 60,
          burst: 10,
          paths: [],
          tiers: {
            free: { limit: 60, window_seconds: 60, burst: 10 },
            professional: { limit: 300, window_seconds: 60, burst: 50 },
            enterprise: { limit: 1000, window_seconds: 60, burst: 200 },
          },
        },
        { by: 'tenant', limit: 30, window_seconds: 60, burst: 10, paths: ['/ws/ai/chat'], tiers: {} },
      ],
      description:
        'The limits on upgrades (GCRA, shared through Redis); all of them must admit. An empty list limits nothing.',
    },
  },
  {
    tier_claim: claimPath(
      "The claim with the tenant's tier, which chooses among a limit's tiers; may be absent.",
      ['tier'],
    ),
  },
  {
    fault_tolerant: {
      type: 'boolean',
      required: true,
      default: true,
      description:
        "Redis away: true applies the same limits in this process's memory, false refuses with 503.",
    },
  },
  {
    hide_client_headers: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Whether to keep the RateLimit-* and X-RateLimit-* response headers from clients.',
    },
  },
  {
    revocation: {
      type: 'record',
      required: true,
      description: 'Whether a token was revoked: its `jti` in Redis.',
      fields: [
        {
          enabled: {
            type: 'boolean',
            required: true,
            default: true,
            description: 'Whether tokens with a `jti` are looked up.',
          },
        },
        {
          key_prefix: {
            type: 'string',
            required: true,
            default: 'blacklist:',
            description: 'A token is revoked while the Redis key of this prefix and its `jti` exists.',
          },
        },
        {
          fault_tolerant: {
            type: 'boolean',
            required: true,
            default: false,
            description: 'Redis away: false refuses with 503, true admits tokens that may have been revoked.',
          },
        },
      ],
    },
  },
  {
    redis: {
      type: 'record',
      required: true,
      description: 'The Redis that counts the limits and knows revoked tokens, shared by all gatekeepers.',
      fields: [
        {
          url: {
            type: 'string',
            referenceable: true,
            description:
              'redis:// or rediss:// URL with everything in it; takes precedence over the fields below.',
          },
        },
        {
          host: {
            type: 'string',
            required: true,
            referenceable: true,
            default: '127.0.0.1',
            description: 'The host name or address of Redis.',
          },
        },
        {
          port: {
            type: 'integer',
            required: true,
            between: [1, 65_535],
            default: 6379,
            description: 'The TCP port of Redis.',
          },
        },
        {
          username: { type: 'string', referenceable: true, description: 'The ACL user to authenticate as.' },
        },
        {
          password: {
            type: 'string',
            referenceable: true,
            description: 'The password to authenticate with.',
          },
        },
        {
          database: {
            type: 'integer',
            required: true,
            between: [0, 65_535],
            default: 0,
            description: 'The number of the Redis database.',
          },
        },
        {
          ssl: {
            type: 'boolean',
            required: true,
            default: false,
            description: 'Whether to connect with TLS.',
          },
        },
        {
          ssl_verify: {
            type: 'boolean',
            required: true,
            default: true,
            description: "Whether Redis's certificate is verified when ssl is on.",
          },
        },
        {
          server_name: {
            type: 'string',
            description: 'The server name (SNI) to ask for and verify with TLS.',
          },
        },
        {
          timeout: {
            type: 'integer',
            required: true,
            between: [10, 60_000],
            default: 500,
            description: 'How long Redis may take to answer, in milliseconds.',
          },
        },
        {
          key_prefix: {
            type: 'string',
            required: true,
            default: 'ws-gatekeeper:',
            description: 'What every Redis key of the gatekeeper begins with.',
          },
        },
      ],
    },
  },
  {
    decision_timeout: {
      type: 'integer',
      required: true,
      between: [100, 50_000],
      default: 3000,
      description:
        'How long a decision may take before it is refused with 503, in milliseconds. Kong itself waits 60 s.',
    },
  },
];

/** The plugin's `config` fields. */
export const SCHEMA: readonly SchemaField[] = [
  ...placeFields,
  ...tokenFields,
  ...upstreamFields,
  ...storeFields,
];
