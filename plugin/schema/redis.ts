import type { FieldRule, SchemaField } from './field';
import { namePrefix, redisUrl } from './patterns';

/** How to reach a Redis. */
const connectionFields: readonly SchemaField[] = [
  {
    url: {
      type: 'string',
      referenceable: true,
      encrypted: true,
      ...redisUrl,
      description:
        'redis://host, redis+sentinel://host,…/master or redis+cluster://host,…, with rediss for TLS. It takes precedence over host, port, database and ssl; its user and password over the fields below.',
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
    username: {
      type: 'string',
      referenceable: true,
      description: 'The ACL user to authenticate as, for a url that names none.',
    },
  },
  {
    password: {
      type: 'string',
      referenceable: true,
      encrypted: true,
      description: 'The password to authenticate with, for a url that has none.',
    },
  },
  {
    sentinel_username: {
      type: 'string',
      referenceable: true,
      description: 'The ACL user of the sentinels, who know none of the Redis they watch.',
    },
  },
  {
    sentinel_password: {
      type: 'string',
      referenceable: true,
      encrypted: true,
      description: 'The password of the sentinels.',
    },
  },
  {
    database: {
      type: 'integer',
      required: true,
      between: [0, 65_535],
      default: 0,
      description: 'The number of the Redis database; a cluster has only 0.',
    },
  },
  {
    ssl: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Whether to connect with TLS, without a url.',
    },
  },
  {
    ssl_verify: {
      type: 'boolean',
      required: true,
      default: true,
      description:
        "Whether Redis's certificate is verified with TLS; NODE_EXTRA_CA_CERTS names a private authority.",
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
      description:
        'How long Redis may take to answer, in milliseconds. The first connection of all may take 2,000 in any case.',
    },
  },
];

/** How to reach Redis, and how long a decision may take. */
export const redisFields: readonly SchemaField[] = [
  {
    redis: {
      type: 'record',
      required: true,
      description:
        'The Redis that counts the limits and, unless revocation.redis does, knows revoked tokens; shared by all gatekeepers.',
      fields: [
        ...connectionFields,
        {
          prefix: {
            type: 'string',
            referenceable: true,
            ...namePrefix,
            description:
              'Goes as it stands before every key: of the limits, of revoked tokens, of tiers. The same as BRIDGE_CHANNEL_PREFIX of the bridges behind, so that several environments can share a Redis; staging:, for example.',
          },
        },
        {
          key_prefix: {
            type: 'string',
            required: true,
            default: 'ws-gatekeeper:',
            description:
              'The beginning of the keys of the limits, after the prefix. With a cluster it has no brace.',
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

/** The defaults of a connection. */
export const CONNECTION_DEFAULTS: Readonly<Record<string, unknown>> = Object.fromEntries(
  connectionFields.flatMap(Object.entries<FieldRule>).map(([name, rule]) => [name, rule.default ?? null]),
);

/**
 * The fields of a Redis that knows revoked tokens and nothing else. No field has a default: Kong fills in those of a
 * record that nobody gave, and it would be there in every configuration.
 */
export const revocationRedis: FieldRule = {
  type: 'record',
  required: true,
  description:
    'A Redis of its own for revoked tokens, asked for nothing else: for a redis that may evict keys, or that every tenant can fill. There once url or host is given; what else is not given is as by default in redis.',
  fields: [
    ...connectionFields.map((field) =>
      Object.fromEntries(Object.entries(field).map(([name, rule]) => [name, withoutDefault(rule)])),
    ),
    {
      prefix: {
        type: 'string',
        referenceable: true,
        ...namePrefix,
        description: 'Goes as it stands before the key of a revoked token; unset, that of redis.prefix does.',
      },
    },
  ],
};

function withoutDefault(rule: FieldRule): FieldRule {
  const rules = Object.entries(rule).filter(([name]) => name !== 'default' && name !== 'required');
  return Object.fromEntries(rules) as unknown as FieldRule;
}
