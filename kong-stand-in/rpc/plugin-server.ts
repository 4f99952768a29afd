import type { Answer } from '../http/answer';
import type { Log } from '../lib/log';
import type { PluginConfig } from '../plugin-config/config';
import type { GatewayRequest } from '../http/request';

/** The gateway's side of the conversation with a plugin server. */
export interface PluginServerClient {
  /**
   * Runs the plugin's `access` for a request. An answer goes to the client; undefined lets the request go upstream.
   * @throws LuaError where Kong's Lua raises
   */
  access(pluginId: string, config: PluginConfig, request: GatewayRequest): Promise<Answer | undefined>;
  /** Forgets the plugin's instances. */
  resetInstances(): void;
  close(): void;
}

/** The needs of a client. */
export interface PluginServerClientOptions {
  readonly pluginName: string;
  readonly socketPath: string;
  /** Milliseconds that connecting and each read may take. */
  readonly timeoutMs: number;
  readonly log: Log;
  /** `reset_instances` goes to every worker (kong/runloop/plugin_servers/plugin.lua). */
  readonly onReset: () => void;
}
