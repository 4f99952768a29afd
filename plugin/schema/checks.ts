import { ALGORITHMS } from './algorithms';
import { HMAC_ALGORITHMS } from '../../protocol/keys';
import type { EntityCheck } from './field';

/** One that has `algorithm` among `algorithms` needs a key of its kind. */
function keyFor(algorithm: string): EntityCheck {
  const isShared = HMAC_ALGORITHMS.some((name) => name === algorithm);
  const names = isShared ? ['secret', 'secrets'] : ['public_keys', 'jwks_uri'];
  return {
    conditional_at_least_one_of: {
      if_field: 'algorithms',
      if_match: { contains: algorithm },
      then_at_least_one_of: names,
      then_err: `algorithms: ${algorithm} needs ${isShared ? 'the shared secret' : 'a key'} (%s)`,
    },
  };
}

/**
 * Kong's checks of `config` beyond each field by itself. References to a vault are not looked into: Kong leaves those
 * checks out.
 */
export const CONFIG_CHECKS: readonly EntityCheck[] = [
  ...ALGORITHMS.map(keyFor),
  { at_least_one_of: ['assertion_secret', 'assertion_private_key'] },
  { distinct: ['secret', 'assertion_secret'] },
  { mutually_exclusive: ['tenant_prefix', 'tenant_prefixes'] },
  {
    conditional: {
      if_field: 'issuers',
      if_match: { len_min: 2 },
      then_field: 'tenant_prefixes',
      then_match: { len_min: 2 },
      then_err:
        'issuers: two of them may have a tenant of the same name: expected tenant_prefixes with a prefix for each, the same where they share their tenants',
    },
  },
  {
    conditional: {
      if_field: 'consumer_by',
      if_match: { eq: 'claim' },
      then_field: 'consumer_claim',
      then_match: { required: true },
      then_err: 'consumer_by: claim needs the consumer_claim',
    },
  },
  { distinct: ['tenant_header', 'user_header', 'roles_header', 'request_id_header', 'assertion_header'] },
];
