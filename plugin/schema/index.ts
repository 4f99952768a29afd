import { consumerFields } from './consumer';
import { authorizationFields } from './authorization';
import type { SchemaField } from './field';
import { keyFields } from './keys';
import { limitFields } from './limits';
import { tokenLocationFields } from './token-locations';
import { redisFields } from './redis';
import { tokenFields } from './token';
import { upstreamFields } from './upstream';

export { ALGORITHMS } from './algorithms';
export { AUTHORIZATION_DEFAULTS, RULE_OTHERWISE } from './authorization';
export {
  DEFAULT_MESSAGE_LIMITS,
  DEFAULT_OVER_LIMIT_VERIFICATIONS,
  DEFAULT_PAGE_UPGRADES,
  DEFAULT_WINDOW_SECONDS,
  MAX_PAGE_SECONDS,
  MAX_PAGE_UPGRADES,
} from './limits';
export { MAX_ANSWER_CACHE_SECONDS, QUESTION_FORMATS, SERVICE_DEFAULTS } from './authorization-service';
export { MAX_SECRETS } from './keys';
export { CONNECTION_DEFAULTS } from './redis';
export { MAX_TENANT_PREFIX_BYTES, OPTIONAL_CLAIMS } from './token';
export { CONFIG_CHECKS } from './checks';
export type { EntityCheck, FieldRule, SchemaField } from './field';

/** The plugin's `config` fields. */
export const SCHEMA: readonly SchemaField[] = [
  ...tokenLocationFields,
  ...keyFields,
  ...tokenFields,
  ...upstreamFields,
  ...consumerFields,
  ...authorizationFields,
  ...limitFields,
  ...redisFields,
];
