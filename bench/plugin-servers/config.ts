import { withDefaults } from '../../kong-stand-in/plugin-config/defaults';
import type { ConfigValue } from '../../kong-stand-in/plugin-config/field-schema';
import { SCHEMA } from '../../plugin/schema';

export const TOKEN_SECRET = 'the secret of the token issuer, 32 bytes+';
const ASSERTION_SECRET = 'the secret of the assertion, over 32 bytes';

/** One limit a tenant, which nobody reaches: microseconds apart, a million ahead. */
export const OUT_OF_REACH = { by: 'tenant', limit: 1_000_000, window_size: 1, burst: 1_000_000 };

/** The gatekeeper's configuration as Kong hands it over: kong.yml's, but with a limit that admits everybody. */
export function gatekeeperConfig(changes: Record<string, ConfigValue>): Record<string, ConfigValue> {
  const record = { type: 'record', fields: SCHEMA } as Parameters<typeof withDefaults>[0];
  const config = withDefaults(record, {
    secret: TOKEN_SECRET,
    algorithms: ['HS256'],
    issuers: ['matih-platform'],
    audiences: ['matih-api'],
    token_types: ['access'],
    assertion_secret: ASSERTION_SECRET,
    rate_limits: [OUT_OF_REACH],
    ...changes,
  });
  return config as Record<string, ConfigValue>;
}
