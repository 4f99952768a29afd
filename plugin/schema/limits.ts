import { DEFAULT_IPV6_PREFIX_BITS } from '../lib/client-network';
import { claimPath, type EntityCheck, type FieldRule, type SchemaField } from './field';
import { pathPrefix } from './patterns';
import { revocationRedis } from './redis';

/** How many unknown tokens a second are verified for an address over a limit, unless an operator says otherwise. */
export const DEFAULT_OVER_LIMIT_VERIFICATIONS = 100;

/** The longest message of a 429, in bytes. */
const MAX_ERROR_MESSAGE_BYTES = 1024;

/** How many upgrades one page has at most, unless an operator says otherwise. */
export const DEFAULT_PAGE_UPGRADES = 4;
/** The most that one may have: whoever opens sockets to as many paths in turn gets so many times what a limit charges. */
export const MAX_PAGE_UPGRADES = 32;
/** The longest time that a page may last. */
export const MAX_PAGE_SECONDS = 60;

/** The window of a limit that says none, in seconds. It is no default of the schema: beside it Kong could not tell which name was given. */
export const DEFAULT_WINDOW_SECONDS = 60;

const windowField: FieldRule = { type: 'integer', between: [1, 86_400] };

const rateFields: readonly SchemaField[] = [
  {
    limit: {
      type: 'integer',
      required: true,
      between: [1, 1_000_000],
      description: 'How many upgrades a window_size are sustained. Required: there is no safe guess.',
    },
  },
  {
    window_size: {
      ...windowField,
      description: `The window that \`limit\` counts for, in seconds; ${DEFAULT_WINDOW_SECONDS} where none is given.`,
    },
  },
  {
    window_seconds: {
      ...windowField,
      description: 'The earlier name of window_size, which is still accepted. Give one of the two.',
      deprecation: {
        message: 'ws-gatekeeper: rate_limits.window_seconds is the earlier name of window_size: use that',
        removal_in_version: '1.0',
      },
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

const ONE_WINDOW: EntityCheck = { mutually_exclusive: ['window_size', 'window_seconds'] };

const limitField: FieldRule = {
  type: 'record',
  entity_checks: [
    ONE_WINDOW,
    {
      conditional: {
        if_field: 'counts',
        if_match: { eq: 'refused' },
        then_field: 'by',
        then_match: { eq: 'ip' },
        then_err: 'counts: refused upgrades have no tenant and no user: expected by: ip',
      },
    },
    {
      conditional: {
        if_field: 'page_seconds',
        if_match: { gt: 0 },
        then_field: 'by',
        then_match: { one_of: ['tenant', 'user', 'route'] },
        then_err: "page_seconds: a page is one user's: expected by: tenant, user or route",
      },
    },
  ],
  fields: [
    {
      by: {
        type: 'string',
        required: true,
        one_of: ['tenant', 'user', 'route', 'ip'],
        default: 'tenant',
        description:
          "Whose upgrades are counted together: those of a tenant, a tenant's user, a tenant on a Kong route, or a client's IP address.",
      },
    },
    {
      counts: {
        type: 'string',
        required: true,
        one_of: ['all', 'refused'],
        default: 'all',
        description:
          "A limit by `ip` counts upgrades with a good token. By themselves, in each gatekeeper's memory, it counts those refused with 401 or 403; `refused` counts only these. The others count only upgrades with a good token. Over it, a refusal is a 429.",
      },
    },
    ...rateFields,
    {
      paths: {
        type: 'array',
        elements: { type: 'string', len_min: 1, ...pathPrefix },
        required: true,
        default: [],
        description:
          "Counts only upgrades whose path begins with one of these; an empty list counts all. It is the client's path in one spelling: slashes merged, `%2F` no slash.",
      },
    },
    {
      page_seconds: {
        type: 'integer',
        required: true,
        between: [0, MAX_PAGE_SECONDS],
        default: 0,
        description:
          'How long a page lasts after the upgrade that was charged for it, in seconds. Further ones of the same user, each to another path, are of the page: this limit neither charges nor refuses them. 0 charges each upgrade.',
      },
    },
    {
      page_upgrades: {
        type: 'integer',
        required: true,
        between: [2, MAX_PAGE_UPGRADES],
        default: DEFAULT_PAGE_UPGRADES,
        description:
          'How many upgrades one page has at most, the charged one among them. So a limit with page_seconds admits at most so many times the upgrades that it charges.',
      },
    },
    {
      tiers: {
        type: 'map',
        required: true,
        keys: { type: 'string', len_min: 1 },
        values: { type: 'record', fields: rateFields, entity_checks: [ONE_WINDOW] },
        default: {},
        description:
          "Other figures for tokens whose tier_claim has the key's value; any other token has those above.",
      },
    },
  ],
};

/** The limits on messages that are posted, unless an operator says otherwise. */
export const DEFAULT_MESSAGE_LIMITS = [
  { by: 'user', limit: 600, window_size: 60, burst: 100 },
  { by: 'tenant', limit: 6000, window_size: 60, burst: 1000 },
] as const;

const messageLimitField: FieldRule = {
  type: 'record',
  fields: [
    {
      by: {
        type: 'string',
        required: true,
        one_of: ['tenant', 'user'],
        default: 'user',
        description: "Whose messages are counted together: those of a tenant, or of a tenant's user.",
      },
    },
    {
      limit: {
        type: 'integer',
        required: true,
        between: [1, 1_000_000],
        description: 'How many messages a window_size are sustained. Required: there is no safe guess.',
      },
    },
    {
      window_size: {
        ...windowField,
        required: true,
        default: DEFAULT_WINDOW_SECONDS,
        description: 'The window that `limit` counts for, in seconds.',
      },
    },
    {
      burst: {
        type: 'integer',
        required: true,
        between: [0, 1_000_000],
        default: 0,
        description: 'How many messages may come ahead of the sustained rate.',
      },
    },
  ],
};

/** The limits, and what happens while Redis is away. */
export const limitFields: readonly SchemaField[] = [
  {
    rate_limits: {
      type: 'array',
      required: true,
      elements: limitField,
      default: [
        {
          by: 'tenant',
          limit: 60,
          window_size: 60,
          burst: 10,
          page_seconds: 10,
          page_upgrades: DEFAULT_PAGE_UPGRADES,
          paths: [],
          tiers: {
            free: { limit: 60, window_size: 60, burst: 10 },
            professional: { limit: 300, window_size: 60, burst: 50 },
            enterprise: { limit: 1000, window_size: 60, burst: 200 },
          },
        },
        { by: 'tenant', limit: 30, window_size: 60, burst: 30, paths: ['/ws/ai/chat'], tiers: {} },
      ],
      description:
        'The limits on upgrades (GCRA, shared through Redis); all of them must admit. An empty list limits nothing.',
    },
  },
  {
    message_limits: {
      type: 'array',
      required: true,
      elements: messageLimitField,
      default: DEFAULT_MESSAGE_LIMITS,
      description:
        "The limits on messages that are posted (PROTOCOL.md, section 11), in each gatekeeper's memory; all of them must admit. They charge no limit on upgrades. An empty list limits nothing here: a bridge still bounds the bytes of users and tenants.",
    },
  },
  {
    ipv6_prefix: {
      type: 'integer',
      required: true,
      between: [32, 128],
      default: DEFAULT_IPV6_PREFIX_BITS,
      description:
        'How many leading bits of an IPv6 address a limit by `ip` takes for one client, which usually has a whole /64. With 128 each address counts by itself. An IPv4 address mapped into IPv6 counts as IPv4.',
    },
  },
  {
    over_limit_verifications: {
      type: 'integer',
      required: true,
      between: [0, 100_000],
      default: DEFAULT_OVER_LIMIT_VERIFICATIONS,
      description:
        'How many unknown tokens a second are verified for an address that is over a limit by `ip` with refused upgrades. So a good one of a neighbour behind it gets in. Further ones get 429 unverified; 0 lets none be verified. A remembered good token always gets in.',
    },
  },
  {
    tier_claim: claimPath(
      "The claim with the tenant's tier, which chooses among a limit's tiers; may be absent.",
      ['tier'],
    ),
  },
  {
    tier_key: {
      type: 'string',
      match_any: {
        patterns: ['^[^{}]*{tenant}[^{}]*$', '^[^{}]*{{tenant}}[^{}]*$'],
        err: 'expected a Redis key with {tenant} or {{tenant}} in it once, like tier:{tenant}',
      },
      description:
        "The Redis key with a tenant's tier, for example `tier:{tenant}`, read in the same call as the limits; goes before tier_claim where it is there. The tenant is escaped as in channel names; redis.prefix goes before it. On a cluster `tier:{{tenant}}` keeps it beside the limits; another slot is asked first and remembered for a window. Redis away: what was read within the window, else tier_claim.",
    },
  },
  {
    rate_limit_reset: {
      type: 'string',
      required: true,
      one_of: ['seconds', 'timestamp'],
      default: 'seconds',
      description:
        'Whether X-RateLimit-Reset says the seconds until the limit is as if never used, or the Unix timestamp. RateLimit-Reset is always seconds.',
    },
  },
  {
    returns: {
      type: 'boolean',
      required: true,
      default: true,
      description:
        'Whether a user whose socket was cut comes back without a charge to the limits (PROTOCOL.md, section 9). False where the bridges have another Redis or prefix.',
    },
  },
  {
    fault_tolerant: {
      type: 'boolean',
      required: true,
      default: true,
      description:
        "Redis away, or refusing to count: true applies the same limits in this process's memory, false refuses with 503.",
    },
  },
  {
    error_message: {
      type: 'string',
      len_max: MAX_ERROR_MESSAGE_BYTES,
      description:
        'The message of a 429, in place of the own one that says which limit it was: a limit on upgrades, or on refused ones.',
    },
  },
  {
    retry_after_jitter_max: {
      type: 'integer',
      required: true,
      between: [0, 3600],
      default: 0,
      description:
        'The most seconds that are added at random to the Retry-After of a 429. So those who were refused together do not come back together.',
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
            description:
              'Redis away, or refusing to tell: false refuses with 503, true admits tokens that may have been revoked. One that Redis has told this gatekeeper of stays refused.',
          },
        },
        { redis: revocationRedis },
      ],
    },
  },
];
