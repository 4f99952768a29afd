import { connect, type Socket } from 'node:net';
import { encode } from '../../kong-stand-in/protobuf/messages';
import { FrameReader } from '../../plugin/server/protobuf/frame';
import { UPSTREAM_PATH, type Decided, type KongWorker, type Upgrade } from './worker';

const EMPTY = Buffer.alloc(0);
const ENCODED_UPSTREAM_PATH = encode('String', { v: Buffer.from(UPSTREAM_PATH) });
const NO_ANSWER_AFTER = 'kong.response.exit';

/** `ProtoBuf:1` (kong/runloop/plugin_servers/rpc/pb_rpc.lua): a connection of the pool for each call of Kong's. */
export class ProtobufWorker implements KongWorker {
  readonly #path: string;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  readonly #encoded = new WeakMap<Upgrade, Uint8Array>();
  #handleEvent: Uint8Array = EMPTY;

  constructor(path: string) {
    this.#path = path;
  }

  async start(pluginName: string, config: string): Promise<void> {
    const command = { name: Buffer.from(pluginName), config: Buffer.from(config) };
    const connection = this.#take();
    const call = encode('RpcCall', { sequence: 1, cmd_start_instance: command });
    const returned = await connection.startInstance(call);
    this.#idle.push(connection);
    // RpcReturn {sequence, instance_status {name, instance_id}}: the id is the varint at the end.
    const idAt = returned.indexOf(pluginName) + pluginName.length + 1;
    const event = { instance_id: varint(returned.subarray(idAt)), event_name: Buffer.from('access') };
    this.#handleEvent = encode('RpcCall', { sequence: 2, cmd_handle_event: event });
  }

  async decide(upgrade: Upgrade): Promise<Decided> {
    const connection = this.#idle.pop() ?? this.#take();
    const decided = await connection.handleEvent(this.#handleEvent, this.#headersOf(upgrade));
    if (decided.admitted) this.#idle.push(connection);
    else connection.close();
    return decided;
  }

  close(): void {
    for (const connection of this.#open) connection.close();
  }

  #take(): Connection {
    const connection = new Connection(this.#path);
    this.#open.add(connection);
    connection.socket.once('close', () => this.#open.delete(connection));
    return connection;
  }

  #headersOf(upgrade: Upgrade): Uint8Array {
    const known = this.#encoded.get(upgrade);
    if (known !== undefined) return known;
    const encoded = encode('Struct', { fields: Object.entries(upgrade).map(fieldOf) });
    this.#encoded.set(upgrade, encoded);
    return encoded;
  }
}

type Expected = 'method' | 'arguments' | 'return';

class Connection {
  readonly socket: Socket;
  readonly #frames = new FrameReader();
  #expected: Expected = 'return';
  #method = '';
  #calls = 0;
  #arrivals = 0;
  #headers: Uint8Array = EMPTY;
  #returned: (frame: Buffer | undefined) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('data', (chunk: Buffer) => {
      this.#arrivals += 1;
      for (const frame of this.#frames.push(chunk)) this.#take(frame);
    });
    this.socket.on('error', (error) => {
      this.#failed(error);
    });
    this.socket.on('close', () => {
      this.#failed(new Error('the plugin server closed the connection'));
    });
  }

  async startInstance(call: Uint8Array): Promise<Buffer> {
    return (await this.#call(call, 'return')) ?? EMPTY;
  }

  async handleEvent(call: Uint8Array, headers: Uint8Array): Promise<Decided> {
    this.#headers = headers;
    this.#calls = 0;
    this.#arrivals = 0;
    const returned = await this.#call(call, 'method');
    return { admitted: returned !== undefined, calls: this.#calls, arrivals: this.#arrivals };
  }

  close(): void {
    this.socket.destroy();
  }

  #call(call: Uint8Array, expected: Expected): Promise<Buffer | undefined> {
    this.#expected = expected;
    return new Promise((resolve, reject) => {
      this.#returned = resolve;
      this.#failed = reject;
      this.#send(call);
    });
  }

  #take(frame: Buffer): void {
    switch (this.#expected) {
      case 'return':
        this.#returned(frame);
        return;
      case 'method':
        this.#method = frame.toString('latin1');
        this.#expected = this.#method === '' ? 'return' : 'arguments';
        return;
      case 'arguments':
        this.#expected = 'method';
        this.#calls += 1;
        if (this.#method === NO_ANSWER_AFTER) this.#returned(undefined);
        else this.#send(this.#answer());
    }
  }

  #answer(): Uint8Array {
    if (this.#method === 'kong.request.get_headers') return this.#headers;
    return this.#method === 'kong.nginx.get_var' ? ENCODED_UPSTREAM_PATH : EMPTY;
  }

  // As Kong does: first the length, then the bytes if there are any.
  #send(bytes: Uint8Array): void {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(bytes.length);
    this.socket.write(length);
    if (bytes.length > 0) this.socket.write(bytes);
  }
}

function fieldOf([name, text]: readonly [string, string]) {
  return { key: Buffer.from(name), value: { string_value: Buffer.from(text) } };
}

function varint(bytes: Buffer): number {
  return bytes.reduce((value, byte, index) => value + (byte & 0x7f) * 2 ** (7 * index), 0);
}
