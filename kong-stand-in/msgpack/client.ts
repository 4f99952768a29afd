import { decodeMulti, encode } from '@msgpack/msgpack';
import type { Answer } from '../http/answer';
import { CosocketError, type Cosocket } from '../rpc/cosocket';
import { CosocketPool } from '../rpc/cosocket-pool';
import { Instances, type InstanceServer } from '../rpc/instances';
import { fromText, LuaError, toText, type LuaTable, type LuaValue } from '../lib/lua';
import { PdkExit, type PdkContext } from '../pdk/call';
import { notServed, PDK } from '../pdk/functions';
import type { PluginConfig } from '../plugin-config/config';
import type { PluginServerClient, PluginServerClientOptions } from '../rpc/plugin-server';
import { RPC_METHODS } from '../rpc/methods';
import type { GatewayRequest } from '../http/request';
import { fromMsgpack, isMultiMap, multiMap, stepMethod, toMsgpack } from './values';

/** A call's end: what the server returned, or why there is nothing. */
type Outcome = { readonly result: LuaValue } | { readonly error: string };

/** An answer that has not come whole yet. */
const INCOMPLETE = Symbol('incomplete');

/**
 * `MsgPack:1` (kong/runloop/plugin_servers/rpc/mp_rpc.lua). When the server fails, Kong logs it and **lets the
 * request through** as the client sent it; so does this.
 */
export class MsgpackClient implements PluginServerClient, InstanceServer {
  readonly #options: PluginServerClientOptions;
  readonly #pool: CosocketPool;
  readonly #instances = new Instances(this);
  #messageId = 0;
  #serverPid: number | undefined;

  constructor(options: PluginServerClientOptions) {
    this.#options = options;
    this.#pool = new CosocketPool({ path: options.socketPath, timeoutMs: options.timeoutMs });
  }

  async access(pluginId: string, config: PluginConfig, request: GatewayRequest): Promise<Answer | undefined> {
    const context = { request, log: this.#options.log };
    while (!request.clientGone.aborted) {
      const instance = await this.#instances.idOf(pluginId, config);
      const error = 'error' in instance ? instance.error : await this.#runAccess(instance.id, context);
      if (error instanceof PdkExit) return error.answer;
      if (error === undefined) return undefined;
      if (!error.toLowerCase().includes('no plugin instance')) {
        this.#options.log('err', error);
        return undefined;
      }
      this.#options.onReset();
      this.#options.log('warn', error);
    }
    return undefined;
  }

  async startInstance(config: PluginConfig): Promise<{ readonly id: number } | { readonly error: string }> {
    const call = { Name: fromText(this.#options.pluginName), Config: fromText(JSON.stringify(config)) };
    const outcome = await this.#call('plugin.StartInstance', call);
    if ('error' in outcome) return outcome;
    return { id: Number(tableOf(outcome.result)['Id']) };
  }

  async closeInstance(id: number): Promise<void> {
    await this.#call('plugin.CloseInstance', id);
  }

  resetInstances(): void {
    this.#instances.reset();
  }

  close(): void {
    this.#pool.close();
  }

  /** The bridge loop. Returns an error, an exit, or undefined when the plugin is through. */
  async #runAccess(id: number, context: PdkContext): Promise<string | PdkExit | undefined> {
    let outcome = await this.#call('plugin.HandleEvent', { InstanceId: id, EventName: 'access' });
    const eventId = 'error' in outcome ? undefined : tableOf(outcome.result)['EventId'];
    for (;;) {
      if ('error' in outcome) return outcome.error;
      const step = tableOf(outcome.result)['Data'];
      if (step === 'ret') return undefined;
      const { Method: method, Args: args } = tableOf(step);
      if (typeof method !== 'string') throw new LuaError('bad argument: a method name expected');
      const result = callPdk(context, method, Array.isArray(args) ? (args as LuaValue[]) : [args]);
      if (result instanceof PdkExit) return result;
      outcome = await this.#call(stepMethod(method), { EventId: eventId, Data: result });
    }
  }

  async #call(method: string, argument: LuaValue): Promise<Outcome> {
    this.#messageId += 1;
    const id = this.#messageId;
    let connection: Cosocket | undefined;
    try {
      connection = await this.#pool.take();
      connection.send(encode([0, id, method, [toMsgpack(argument)]]));
      const outcome = await this.#receive(connection, id);
      this.#pool.keep(connection);
      return outcome;
    } catch (cause) {
      connection?.destroy();
      if (!(cause instanceof CosocketError)) throw cause;
      return { error: connection === undefined ? cause.message : 'no data' };
    }
  }

  /** Reads up to the response; notifications come before it. */
  async #receive(connection: Cosocket, id: number): Promise<Outcome> {
    let bytes = Buffer.alloc(0);
    let notified = 0;
    for (;;) {
      bytes = Buffer.concat([bytes, await this.#more(connection, bytes.length > 0)]);
      const messages = unpackAll(bytes);
      for (const message of messages.slice(notified)) {
        if (message === INCOMPLETE) break;
        const [kind, sequence, error, result] = message;
        if (kind === 2) {
          notified += 1;
          this.#notified(sequence, error);
          continue;
        }
        if (kind !== 1) throw new LuaError('RPC response expected from Go plugin server');
        if (sequence !== id) throw new LuaError('unexpected RPC response ID from Go plugin server');
        const reason = fromMsgpack(error);
        if (reason === undefined) return { result: fromMsgpack(result) };
        return { error: typeof reason === 'string' ? toText(reason) : 'attempt to call method lower' };
      }
    }
  }

  async #more(connection: Cosocket, begun: boolean): Promise<Buffer> {
    try {
      return await connection.receiveAny();
    } catch (cause) {
      // lua-MessagePack raises when an object breaks off in its middle.
      if (begun) throw new LuaError('missing bytes');
      throw cause;
    }
  }

  /** `serverPid`: another process answers now, so every instance is gone. */
  #notified(label: unknown, argument: unknown): void {
    if (label !== 'serverPid') return;
    const pid = Number(argument);
    if (this.#serverPid !== undefined && pid !== this.#serverPid) this.#instances.reset();
    this.#serverPid = pid;
  }
}

function callPdk(context: PdkContext, name: string, args: readonly LuaValue[]): LuaValue | PdkExit {
  const pdk = PDK[name] ?? (RPC_METHODS.has(name) ? notServed(name) : undefined);
  if (pdk === undefined) {
    context.log('err', `could not find pdk method: ${toText(name)}`);
    return undefined;
  }
  const result = pdk(context, ...args);
  return isMultiMap(name) && !(result instanceof PdkExit) ? multiMap(tableOf(result)) : result;
}

function tableOf(value: LuaValue): LuaTable {
  if (typeof value === 'object' && !Array.isArray(value)) return value as LuaTable;
  throw new LuaError(`attempt to index a ${typeof value} value`);
}

function unpackAll(bytes: Uint8Array): (unknown[] | typeof INCOMPLETE)[] {
  const messages: (unknown[] | typeof INCOMPLETE)[] = [];
  try {
    for (const message of decodeMulti(bytes)) messages.push(Array.isArray(message) ? message : []);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw new LuaError(`invalid MessagePack: ${String(cause)}`);
    messages.push(INCOMPLETE);
  }
  return messages;
}
