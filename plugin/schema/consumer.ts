import type { SchemaField } from './field';

/** How Kong's other plugins know a caller. */
export const consumerFields: readonly SchemaField[] = [
  {
    consumer_by: {
      type: 'string',
      one_of: ['tenant', 'user', 'claim'],
      description:
        "Gives each upgrade a consumer of Kong's with this username: the tenant, `tenant:user` (each escaped as in channel names), or the consumer_claim. Rate limiting, metrics and logs by consumer then work. The upstream gets X-Consumer-ID and X-Consumer-Username. Without it upgrades have no consumer.",
    },
  },
  {
    consumer_claim: {
      type: 'array',
      elements: { type: 'string', len_min: 1 },
      len_min: 1,
      description:
        'With `consumer_by: claim`: the claim with the username, a string or an integer. A token without it is refused with 403. Several elements are the path to a nested claim.',
    },
  },
  {
    consumer_lookup: {
      type: 'boolean',
      required: true,
      default: false,
      description:
        "True looks the consumer up in Kong by its username, which costs a round trip, and refuses with 403 where Kong has none. Kong's acl plugin then goes by the groups of the consumer; with always_use_authenticated_groups by the roles. False derives the consumer, with the id that a declarative configuration gives to one without an id.",
    },
  },
];
