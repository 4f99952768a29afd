import { errorAnswer, type Answer } from './http/answer';
import type { Consumer, DeclaredPlugin, Declaration } from './declarative/entities';
import type { Log } from './lib/log';
import { LuaError } from './lib/lua';
import { MsgpackClient } from './msgpack/client';
import { withKongMembers, type PluginConfig } from './plugin-config/config';
import type { PluginInfo } from './plugin-config/plugin-dump';
import type { PluginServerClient } from './rpc/plugin-server';
import { ProtobufClient } from './protobuf/client';
import type { GatewayRequest } from './http/request';
import { createRouter, type Router } from './http/router';

/** A plugin with its configuration checked and filled. */
export interface ConfiguredPlugin {
  readonly declared: DeclaredPlugin;
  readonly config: PluginConfig;
}

/** The parts of a worker. */
export interface WorkerOptions {
  readonly declaration: Declaration;
  readonly plugins: readonly ConfiguredPlugin[];
  readonly info: PluginInfo;
  readonly socketPath: string;
  /** Milliseconds that connecting to the plugin server and each read from it may take. */
  readonly timeoutMs: number;
  readonly log: Log;
  /** The next `__seq__`, one counter for all workers. */
  readonly nextSequence: () => number;
  /** Resets the plugin's instances in every worker. */
  readonly resetEverywhere: () => void;
}

/** One of Kong's workers: its own connections to the plugin server and its own instances. */
export class Worker {
  readonly route: Router;
  readonly consumers: readonly Consumer[];
  readonly #client: PluginServerClient;
  readonly #log: Log;
  readonly #plugins: readonly ConfiguredPlugin[];
  #inFlight = 0;
  #retired = false;

  constructor(options: WorkerOptions) {
    const { declaration, info, socketPath, timeoutMs, log } = options;
    this.#log = log;
    this.route = createRouter(declaration);
    this.consumers = declaration.consumers;
    const Client = info.protocol === 'ProtoBuf:1' ? ProtobufClient : MsgpackClient;
    const onReset = options.resetEverywhere;
    this.#client = new Client({ pluginName: info.name, socketPath, timeoutMs, log, onReset });
    const served = info.phases.includes('access') ? options.plugins : [];
    this.#plugins = served
      .filter(({ declared }) => declared.enabled && servesHttp(declared))
      .map(({ declared, config }) => ({
        declared,
        config: withKongMembers(config, declared, options.nextSequence()),
      }));
  }

  /**
   * Runs the plugin for a request, with the most specific configuration
   * (kong/runloop/plugins_iterator.lua `lookup_cfg`). Undefined lets the request go upstream.
   */
  async access(request: GatewayRequest): Promise<Answer | undefined> {
    const plugin = this.#pluginFor(request.route.id, request.service?.id);
    if (plugin === undefined) return undefined;
    this.#inFlight += 1;
    try {
      return await this.#client.access(plugin.declared.id, plugin.config, request);
    } catch (cause) {
      if (!(cause instanceof LuaError)) throw cause;
      this.#log('err', cause.message);
      // kong/init.lua `flush_delayed_response`.
      const { kongRequestId, clientHeaders } = request;
      return errorAnswer(500, { kongRequestId, accept: clientHeaders.readByKong('accept') });
    } finally {
      this.#inFlight -= 1;
      if (this.#retired && this.#inFlight === 0) this.#client.close();
    }
  }

  resetInstances(): void {
    this.#client.resetInstances();
  }

  /** Closes its connections once what is in flight is through: `kong reload`'s old workers. */
  retire(): void {
    this.#retired = true;
    if (this.#inFlight === 0) this.#client.close();
  }

  #pluginFor(routeId: string, serviceId: string | undefined): ConfiguredPlugin | undefined {
    const owners: [string | undefined, string | undefined][] = [
      [routeId, serviceId],
      [routeId, undefined],
      [undefined, serviceId],
      [undefined, undefined],
    ];
    for (const [route, service] of owners) {
      const found = this.#plugins.find(
        ({ declared }) => declared.routeId === route && declared.serviceId === service,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function servesHttp(declared: DeclaredPlugin): boolean {
  const { protocols = ['http'] } = declared;
  return protocols.some((protocol) => ['http', 'https', 'grpc', 'grpcs'].includes(protocol));
}
