import { errorAnswer, type Answer } from '../http/answer';
import { CosocketError, type Cosocket } from '../rpc/cosocket';
import { CosocketPool } from '../rpc/cosocket-pool';
import { Instances, type InstanceServer } from '../rpc/instances';
import { fromBytes, LuaError } from '../lib/lua';
import { PdkExit, type PdkContext } from '../pdk/call';
import { notServed, PDK } from '../pdk/functions';
import type { PluginConfig } from '../plugin-config/config';
import type { PluginServerClient, PluginServerClientOptions } from '../rpc/plugin-server';
import type { GatewayRequest } from '../http/request';
import { decode, encode, type Fields } from './messages';
import { RPC_METHODS } from '../rpc/methods';
import { unwrap, wrap } from './values';

/** The end of a call: a return, a failure that Kong names, or `kong.response.exit`. */
type Outcome = { readonly returned: Fields } | { readonly error: string } | PdkExit;

/** `ProtoBuf:1` (kong/runloop/plugin_servers/rpc/pb_rpc.lua): whatever goes wrong is answered with 500. */
export class ProtobufClient implements PluginServerClient, InstanceServer {
  readonly #options: PluginServerClientOptions;
  readonly #pool: CosocketPool;
  readonly #instances = new Instances(this);
  #messageId = 0;

  constructor(options: PluginServerClientOptions) {
    this.#options = options;
    this.#pool = new CosocketPool({ path: options.socketPath, timeoutMs: options.timeoutMs });
  }

  async access(pluginId: string, config: PluginConfig, request: GatewayRequest): Promise<Answer | undefined> {
    // Kong repeats for as long as the server closes the connection; the stand-in stops when nobody waits any more.
    while (!request.clientGone.aborted) {
      const outcome = await this.#handleAccess(pluginId, config, request);
      if (outcome instanceof PdkExit) return outcome.answer;
      if ('returned' in outcome) return undefined;
      if (!isStaleInstance(outcome.error)) {
        this.#options.log('err', `pluginserver error: ${outcome.error}`);
        break;
      }
      this.#options.onReset();
      this.#options.log('warn', outcome.error);
    }
    const { kongRequestId, headers } = request;
    return errorAnswer(500, { kongRequestId, accept: headers.all('Accept').join(',') });
  }

  async startInstance(config: PluginConfig): Promise<{ readonly id: number } | { readonly error: string }> {
    const name = Buffer.from(this.#options.pluginName);
    const call = { name, config: Buffer.from(JSON.stringify(config)) };
    const outcome = await this.#call('cmd_start_instance', call, undefined);
    if (outcome instanceof PdkExit) throw new LuaError('exit while an instance was started');
    if ('error' in outcome) return outcome;
    const status = outcome.returned['instance_status'] as Fields | undefined;
    if (status === undefined) throw new LuaError("attempt to index field 'instance_status' (a nil value)");
    const id = Number(status['instance_id'] ?? 0);
    this.#options.log('debug', `started plugin server: seq ${Number(config['__seq__'])}, instance id ${id}`);
    return { id };
  }

  async closeInstance(id: number): Promise<void> {
    await this.#call('cmd_close_instance', { instance_id: id }, undefined);
  }

  resetInstances(): void {
    this.#instances.reset();
  }

  close(): void {
    this.#pool.close();
  }

  async #handleAccess(pluginId: string, config: PluginConfig, request: GatewayRequest): Promise<Outcome> {
    const instance = await this.#instances.idOf(pluginId, config);
    if ('error' in instance) return instance;
    const call = { instance_id: instance.id, event_name: Buffer.from('access') };
    return this.#call('cmd_handle_event', call, { request, log: this.#options.log });
  }

  /** One call on a connection of its own; it serves the server's PDK calls when there is a request to serve. */
  async #call(command: string, message: Fields, context: PdkContext | undefined): Promise<Outcome> {
    this.#messageId += 1;
    const sequence = this.#messageId + 1;
    let connection: Cosocket | undefined;
    let keep = false;
    try {
      connection = await this.#pool.take();
      sendFrame(connection, encode('RpcCall', { sequence, [command]: message }));
      const exit = context && (await serveCalls(connection, context));
      if (exit !== undefined) return exit;
      const bytes = await receiveFrame(connection);
      keep = true;
      return { returned: readReturn(bytes, sequence) };
    } catch (cause) {
      return failure(cause);
    } finally {
      if (connection !== undefined) {
        if (keep) this.#pool.keep(connection);
        else connection.destroy();
      }
    }
  }
}

/** Kong looks for these words in the error, whatever the case. */
function isStaleInstance(error: string): boolean {
  const lowered = error.toLowerCase();
  return lowered.includes('no plugin instance') || lowered.includes('closed');
}

function failure(cause: unknown): { readonly error: string } {
  if (!(cause instanceof CosocketError)) throw cause;
  // Kong asserts that it can write; what cannot be read is an error that it handles.
  if (cause.message === 'broken pipe') throw new LuaError(cause.message);
  return { error: cause.message };
}

/** The bridge loop: PDK calls until an empty frame, or until one of them ends the request. */
async function serveCalls(
  connection: Cosocket,
  context: PdkContext,
): Promise<PdkExit | { error: string } | undefined> {
  for (;;) {
    const name = fromBytes(await receiveFrame(connection));
    if (name === '') return undefined;
    const args = await receiveFrame(connection);
    const method = RPC_METHODS.get(name);
    if (method === undefined) return { error: `method "${name}" not found` };
    const pdk = PDK[name] ?? notServed(name);
    const result = pdk(context, ...unwrap(method.input, asserted(method.input, args)));
    if (result instanceof PdkExit) return result;
    const reply = wrap(method.output, result);
    sendFrame(connection, reply === undefined ? Buffer.alloc(0) : encode(method.output, reply));
  }
}

function readReturn(bytes: Uint8Array, sequence: number): Fields {
  const message = asserted('RpcReturn', bytes);
  if (message['sequence'] !== sequence) throw new LuaError('assertion failed!');
  return message;
}

function asserted(type: string, bytes: Uint8Array): Fields {
  try {
    return decode(type, bytes);
  } catch (cause) {
    throw new LuaError(`type mismatch in ${type}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** A frame: the length as uint32, little-endian, then the bytes. */
function sendFrame(connection: Cosocket, bytes: Uint8Array): void {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  connection.send(Buffer.concat([length, bytes]));
}

async function receiveFrame(connection: Cosocket): Promise<Buffer> {
  const length = (await connection.receive(4)).readUInt32LE();
  return connection.receive(length);
}
