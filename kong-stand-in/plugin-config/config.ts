import { DeclarationError, type DeclaredPlugin } from '../declarative/entities';
import { pluginKey, DEFAULT_WORKSPACE_ID } from '../declarative/ids';
import type { PluginInfo } from './plugin-dump';
import type { ResolveReference } from './vault';
import { withDefaults } from './defaults';
import type { ConfigValue } from './field-schema';
import { withoutNulls } from './nulls';
import { withSecrets } from './references';
import { configFaults } from './validate';

/** A plugin's configuration, checked, filled and with its secrets, as a plugin server gets it. */
export type PluginConfig = Readonly<Record<string, ConfigValue>>;

/**
 * Checks a declared plugin against the plugin that the server has, and fills its configuration.
 * @throws DeclarationError naming each field and what was expected
 */
export function pluginConfig(
  declared: DeclaredPlugin,
  info: PluginInfo,
  resolve: ResolveReference,
): PluginConfig {
  if (declared.name !== info.name) {
    throw new DeclarationError(
      `${declared.at}: plugin '${declared.name}' not enabled; add it to the 'plugins' configuration property (the stand-in gateway has '${info.name}' alone)`,
    );
  }
  const served = protocolFaults(declared, info);
  if (served.length > 0) throw new DeclarationError(served.join('\n'));
  const filled = withDefaults(info.config, declared.config as ConfigValue);
  const faults = configFaults(info.config, filled, `${declared.at}.config`);
  if (faults.length > 0)
    throw new DeclarationError(faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return withoutNulls(withSecrets(info.config, filled, resolve)) as PluginConfig;
}

/** Kong's rule for the protocols that a plugin entity has. */
function protocolFaults({ protocols, at }: DeclaredPlugin, info: PluginInfo): string[] {
  if (protocols === undefined) return [];
  return configFaults(info.protocols, [...protocols], `${at}.protocols`).map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

/** Adds what Kong adds (kong/runloop/plugins_iterator.lua `get_plugin_config`). */
export function withKongMembers(
  config: PluginConfig,
  declared: DeclaredPlugin,
  sequence: number,
): PluginConfig {
  const { id, name, routeId, serviceId, instance_name: instanceName } = declared;
  return {
    ...config,
    ...(routeId !== undefined && { route_id: routeId }),
    ...(serviceId !== undefined && { service_id: serviceId }),
    ...(instanceName !== null && { plugin_instance_name: instanceName }),
    __plugin_id: id,
    __ws_id: DEFAULT_WORKSPACE_ID,
    __key__: pluginKey(name, routeId, serviceId),
    __seq__: sequence,
  };
}
