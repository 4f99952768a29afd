import type { FieldRule } from './field';
import { printable, tokenHeader } from './patterns';

/** The forms in which a question is asked. */
export const QUESTION_FORMATS = ['plain', 'opa'] as const;
/** The longest that an answer may be remembered. */
export const MAX_ANSWER_CACHE_SECONDS = 3600;
/** The most of either kind that may be remembered. */
const MAX_CACHE_SIZE = 1_000_000;

/** The defaults, which an operator may change. */
export const SERVICE_DEFAULTS = Object.freeze({
  format: 'plain',
  headers: Object.freeze({}),
  timeout: 500,
  cache_seconds: 10,
  refused_cache_seconds: 5,
  cache_size: 10_000,
} as const);

/** How the services that rules name are asked. */
export const authorizationService: FieldRule = {
  type: 'record',
  required: true,
  description:
    'How the services are asked that a `url` of `authorization` names. It is asked after the token was verified and the limits were met.',
  fields: [
    {
      format: {
        type: 'string',
        required: true,
        one_of: QUESTION_FORMATS,
        default: SERVICE_DEFAULTS.format,
        description:
          'The form of the JSON that is posted: `plain`, or `opa`, where the same is the `input` of the Open Policy Agent. Answers are understood in either form.',
      },
    },
    {
      headers: {
        type: 'map',
        required: true,
        keys: { type: 'string', len_min: 1, ...tokenHeader },
        values: { type: 'string', referenceable: true, len_min: 1, ...printable },
        default: {},
        description:
          'Request headers that are sent with each question to every `url`, such as an Authorization. A value may be a vault reference, and a secret should be one.',
      },
    },
    {
      timeout: {
        type: 'integer',
        required: true,
        between: [10, 10_000],
        default: SERVICE_DEFAULTS.timeout,
        description:
          'How long a service may take to answer, in milliseconds, connecting included. The upgrade is refused with 503 then. It should be less than decision_timeout.',
      },
    },
    {
      cache_seconds: {
        type: 'integer',
        required: true,
        between: [0, MAX_ANSWER_CACHE_SECONDS],
        default: SERVICE_DEFAULTS.cache_seconds,
        description:
          "How long an answer that allows is remembered, in seconds, though never past the token's `exp`. A right that ends lets its user in for so long. 0 asks each time.",
      },
    },
    {
      refused_cache_seconds: {
        type: 'integer',
        required: true,
        between: [0, MAX_ANSWER_CACHE_SECONDS],
        default: SERVICE_DEFAULTS.refused_cache_seconds,
        description:
          'How long an answer that refuses is remembered, in seconds. Meanwhile a right that begins does not count yet.',
      },
    },
    {
      cache_size: {
        type: 'integer',
        required: true,
        between: [0, MAX_CACHE_SIZE],
        default: SERVICE_DEFAULTS.cache_size,
        description:
          'How many answers that allow are remembered, and how many that refuse; the least recently used one goes first. Each takes some 300 bytes.',
      },
    },
  ],
};
