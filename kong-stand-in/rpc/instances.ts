import { LuaError } from '../lib/lua';
import type { PluginConfig } from '../plugin-config/config';

/** Starts and closes instances at the plugin server. */
export interface InstanceServer {
  /** Returns the instance's id, or says why there is none. */
  startInstance(config: PluginConfig): Promise<{ readonly id: number } | { readonly error: string }>;
  closeInstance(id: number): Promise<void>;
}

interface Entry {
  id: number | undefined;
  sequence: unknown;
  started: Promise<void>;
}

/** How long a request waits for another one that is starting the instance. */
const CLAIM_WAIT_MS = 10_000;

/**
 * A worker's plugin instances, one a configuration (kong/runloop/plugin_servers/plugin.lua). Kong looks every
 * 100 ms whether another request has started the instance; this one is told.
 */
export class Instances {
  readonly #server: InstanceServer;
  readonly #entries = new Map<string, Entry>();

  constructor(server: InstanceServer) {
    this.#server = server;
  }

  /**
   * The id of a configuration's instance, started when there is none.
   * @throws LuaError when it cannot be started: Kong raises, and the request is answered with 500
   */
  async idOf(
    pluginId: string,
    config: PluginConfig,
  ): Promise<{ readonly id: number } | { readonly error: string }> {
    const deadline = performance.now() + CLAIM_WAIT_MS;
    let entry = this.#entries.get(pluginId);
    while (entry !== undefined && entry.id === undefined) {
      await settledBy(entry.started, deadline);
      if (performance.now() >= deadline) {
        this.#entries.delete(pluginId);
        return { error: `Could not claim instance_id for plugin (key: ${pluginId})` };
      }
      entry = this.#entries.get(pluginId);
    }
    if (entry?.id !== undefined && entry.sequence === config['__seq__']) return { id: entry.id };
    return { id: await this.#start(pluginId, config, entry) };
  }

  /** Forgets every instance: they are of a server that is gone. */
  reset(): void {
    this.#entries.clear();
  }

  async #start(pluginId: string, config: PluginConfig, previous: Entry | undefined): Promise<number> {
    const oldId = previous?.id;
    const entry: Entry = previous ?? { id: undefined, sequence: undefined, started: Promise.resolve() };
    entry.id = undefined;
    this.#entries.set(pluginId, entry);
    let settle = (): void => undefined;
    entry.started = new Promise((resolve) => (settle = resolve));
    try {
      const started = await this.#server.startInstance(config);
      if ('error' in started) throw new LuaError(started.error);
      entry.id = started.id;
      entry.sequence = config['__seq__'];
      if (oldId !== undefined) await this.#server.closeInstance(oldId);
      return started.id;
    } catch (cause) {
      this.#entries.delete(pluginId);
      throw cause;
    } finally {
      settle();
    }
  }
}

async function settledBy(promise: Promise<void>, deadline: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadline - performance.now());
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
