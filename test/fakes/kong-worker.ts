import { encode } from '../../kong-stand-in/protobuf/messages';
import { KongClient } from './kong-client';

/** A plugin server's answer to an upgrade. */
export interface Answered {
  /** Undefined when the upgrade goes on to the upstream. */
  readonly status: number | undefined;
  /** The calls in their order. */
  readonly calls: readonly string[];
  /** How often the server wrote: each is one round trip, the last one ends the exchange. */
  readonly writes: number;
}

/** One of Kong's workers over ProtoBuf: starts its instance and asks for decisions on connections of a pool. */
export class KongWorker {
  readonly #path: string;
  readonly #config: Record<string, unknown>;
  readonly #pool: KongClient[] = [];
  #instance: Buffer | undefined;

  constructor(path: string, config: Record<string, unknown>) {
    this.#path = path;
    this.#config = config;
  }

  /** Asks for the decision on an upgrade, as pb_rpc.lua does. */
  async upgrade(headers: Readonly<Record<string, string>>): Promise<Answered> {
    const client = this.#pool.pop() ?? (await KongClient.connect(this.#path));
    const id = (this.#instance ??= await this.#start(client));
    client.send(call(0xa2, Buffer.concat([Buffer.from([0x08]), id, Buffer.from('1206616363657373', 'hex')])));
    const before = client.arrivals;
    const calls: string[] = [];
    let pipelined = 0;
    for (;;) {
      const method = (await client.frame())?.toString();
      if (method === undefined) throw new Error('closed');
      if (method === '') break;
      calls.push(method);
      const args = (await client.frame()) ?? Buffer.alloc(0);
      if (method === 'kong.response.exit') {
        client.close();
        return { status: statusOf(args), calls, writes: client.arrivals - before };
      }
      client.send(reply(method, headers));
      pipelined += 1;
    }
    await client.frame();
    const answered = { status: undefined, calls, writes: client.arrivals - before };
    this.#pool.push(client);
    if (pipelined === 0) throw new Error('admitted without a call');
    return answered;
  }

  close(): void {
    for (const client of this.#pool.splice(0)) client.close();
  }

  async #start(client: KongClient): Promise<Buffer> {
    const name = Buffer.from('ws-gatekeeper');
    const config = Buffer.from(JSON.stringify(this.#config));
    client.send(call(0x8a, Buffer.concat([field(0x0a, name), field(0x12, config)])));
    const answer = (await client.frame()) ?? Buffer.alloc(0);
    return answer.subarray(answer.indexOf(name) + name.length + 1);
  }
}

/** An RpcCall with sequence 1 and one command, whose tag is two bytes: this one and 02. */
function call(tag: number, command: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x08, 0x01, tag, 0x02]), varint(command.length), command]);
}

function field(tag: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}

function reply(method: string, headers: Readonly<Record<string, string>>): Buffer {
  switch (method) {
    case 'kong.request.get_headers':
      return Buffer.from(encode('Struct', { fields: Object.entries(headers).map(fieldOf) }));
    case 'kong.request.get_path':
    case 'kong.nginx.get_var':
      return text('/ws/ai/chat');
    case 'kong.request.get_method':
      return text('content-type' in headers ? 'POST' : 'GET');
    case 'kong.request.get_raw_query':
      return text('session=s1');
    case 'kong.request.get_http_version':
      return Buffer.from(encode('Number', { v: 1.1 }));
    case 'kong.client.get_forwarded_ip':
      return text('192.0.2.1');
    case 'kong.router.get_route':
      return text('4f6c6ad2-0b0e-5d4f-8f55-5f4d3f0a9d11');
    default:
      return Buffer.alloc(0);
  }
}

function fieldOf([name, value]: readonly [string, string]) {
  return { key: Buffer.from(name), value: { string_value: Buffer.from(value) } };
}

function text(v: string): Buffer {
  return Buffer.from(encode('String', { v: Buffer.from(v) }));
}

/** `ExitArgs` begins with the status as a varint. */
function statusOf(args: Buffer): number {
  return ((args[1] ?? 0) & 127) | ((args[2] ?? 0) << 7);
}
