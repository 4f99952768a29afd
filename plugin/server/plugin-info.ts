import * as plugin from '../index';

/**
 * What Kong reads from `query_cmd` (kong/runloop/plugin_servers/process.lua): the protocol and the plugin's schema.
 * Kong takes the first plugin only.
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
        Schema: { name: plugin.Name, fields: [{ config: { type: 'record', fields: plugin.Schema } }] },
      },
    ],
  };
}
