import type { SchemaField } from './field';
import { httpUrl, publicKey, sharedSecret } from './patterns';

/** A token without a `kid` that names one is tried with each: so many bound what a forged one costs. */
export const MAX_SECRETS = 8;

/** The keys that verify tokens. */
export const keyFields: readonly SchemaField[] = [
  {
    secret: {
      ...sharedSecret,
      type: 'string',
      description:
        'The shared secret for HS256, HS384 and HS512. It has at least 32, 48 or 64 bytes, for the longest hash that `algorithms` allows (RFC 7518 §3.2).',
    },
  },
  {
    secrets: {
      type: 'array',
      required: true,
      len_max: MAX_SECRETS,
      default: [],
      description:
        'Further shared secrets, so that one replaces another without a refusal: a token is good if any of them, or `secret`, verifies it.',
      elements: {
        type: 'record',
        fields: [
          {
            kid: {
              type: 'string',
              description:
                'Used for tokens whose header has this `kid`, and for no other; without one, for any token, in the order of the list.',
            },
          },
          {
            secret: {
              ...sharedSecret,
              type: 'string',
              required: true,
              description:
                'Required: as long as `secret` has to be, as it stands or in an `oct` JWK (RFC 7518 §6.4), whose `kid` and `alg` count too.',
            },
          },
        ],
      },
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
                'Used for tokens whose header has this `kid`; without one, for any token that it fits, before the keys of jwks_uri.',
            },
          },
          {
            key: {
              type: 'string',
              required: true,
              referenceable: true,
              ...publicKey,
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
      ...httpUrl,
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
      description:
        'How long a fetched JWK Set is used before it is fetched again, in seconds. One that nobody used for twice as long is waited for.',
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
];
