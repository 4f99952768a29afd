import * as plugin from '../index';
import { CONFIG_CHECKS } from '../schema';

/** It decides before a consumer is known: one of a consumer alone would decide for nobody. */
const NO_CONSUMER = { consumer: { type: 'foreign', reference: 'consumers', eq: null } };

/** The protocols that an upgrade may come by: over any other the plugin would be there and never be asked. */
const PROTOCOLS = {
  protocols: {
    type: 'set',
    required: true,
    default: ['http', 'https'],
    elements: { type: 'string', one_of: ['http', 'https'] },
  },
};

/**
 * The dump that Kong reads from `query_cmd` (kong/runloop/plugin_servers/process.lua): the protocol and the plugin's
 * schema. Kong takes the first plugin only.
 */
export function pluginInfo(): Readonly<Record<string, unknown>> {
  return {
    Protocol: 'ProtoBuf:1',
    Plugins: [
      {
        Name: plugin.Name,
        Version: plugin.Version,
        Priority: plugin.Priority,
        Phases: plugin.Phases,
        Schema: pluginSchema(),
      },
    ],
  };
}

/** The plugin's schema in Kong's schema language. */
export function pluginSchema(): Readonly<Record<string, unknown>> {
  return {
    name: plugin.Name,
    fields: [
      { config: { type: 'record', fields: plugin.Schema, entity_checks: CONFIG_CHECKS } },
      NO_CONSUMER,
      PROTOCOLS,
    ],
  };
}
