import { connect, type Socket } from 'node:net';
import { decode, encode } from '@msgpack/msgpack';
import { stepMethod } from '../../kong-stand-in/msgpack/values';
import { UPSTREAM_PATH, type Decided, type KongWorker, type Upgrade } from './worker';

/** The server's answer: a PDK call, or `ret` when the plugin is through. */
interface Step {
  readonly Data: 'ret' | { readonly Method: string; readonly Args: readonly unknown[] };
  readonly EventId: number;
}

/** `MsgPack:1` (kong/runloop/plugin_servers/rpc/mp_rpc.lua): each message on a connection of the pool. */
export class MsgpackWorker implements KongWorker {
  readonly #path: string;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  #messageId = 0;
  #instanceId = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async start(pluginName: string, config: string): Promise<void> {
    const started = await this.#call('plugin.StartInstance', { Name: pluginName, Config: config });
    this.#instanceId = (started as { readonly Id: number }).Id;
  }

  async decide(upgrade: Upgrade): Promise<Decided> {
    const event = { InstanceId: this.#instanceId, EventName: 'access' };
    let step = (await this.#call('plugin.HandleEvent', event)) as Step;
    for (let calls = 0; ; calls += 1) {
      if (step.Data === 'ret') return { admitted: true, calls, arrivals: calls + 1 };
      const { Method: method, Args: args } = step.Data;
      if (method === 'kong.response.exit') return { admitted: false, calls: calls + 1, arrivals: calls + 1 };
      const result = resultOf(method, args, upgrade);
      const data = result === undefined ? {} : { Data: result };
      step = (await this.#call(stepMethod(method), { ...data, EventId: step.EventId })) as Step;
    }
  }

  close(): void {
    for (const connection of this.#open) connection.close();
  }

  async #call(method: string, argument: unknown): Promise<unknown> {
    const connection = this.#idle.pop() ?? this.#connect();
    const result = await connection.call((this.#messageId += 1), method, argument);
    this.#idle.push(connection);
    return result;
  }

  #connect(): Connection {
    const connection = new Connection(this.#path);
    this.#open.add(connection);
    connection.socket.once('close', () => this.#open.delete(connection));
    return connection;
  }
}

/** Kong's answer to a PDK call; undefined from one that returns nothing. */
function resultOf(method: string, [name]: readonly unknown[], upgrade: Upgrade): unknown {
  switch (method) {
    case 'kong.request.get_headers':
      return Object.fromEntries(Object.entries(upgrade).map(([header, value]) => [header, [value]]));
    case 'kong.request.get_header':
      return upgrade[String(name).toLowerCase()];
    case 'kong.nginx.get_var':
      return UPSTREAM_PATH;
    default:
      return undefined;
  }
}

class Connection {
  readonly socket: Socket;
  #received: Buffer | undefined;
  #answered: (result: unknown) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    this.socket.on('error', (error) => {
      this.#failed(error);
    });
    this.socket.on('close', () => {
      this.#failed(new Error('the plugin server closed the connection'));
    });
  }

  call(id: number, method: string, argument: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.socket.write(encode([0, id, method, [argument]]));
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = bytes;
    const message = wholeMessage(bytes);
    if (message === undefined) return;
    this.#received = undefined;
    const [, , error, result] = message;
    if (error === null) this.#answered(result);
    else this.#failed(new Error(`the plugin server answered: ${JSON.stringify(error)}`));
  }
}

function wholeMessage(bytes: Buffer): readonly unknown[] | undefined {
  try {
    return decode(bytes) as readonly unknown[];
  } catch (cause) {
    if (cause instanceof RangeError) return undefined;
    throw cause;
  }
}
