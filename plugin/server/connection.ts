import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { Exchange, type ReplyHandler } from './exchange';
import { encodeFrames, FrameReader, ProtocolError } from './frame';
import type { Instances, PluginInstance } from './instances';
import { decodeRpcCall, encodeRpcReturn, type RpcCall } from './messages';

/** What a connection serves. */
export interface ConnectionContext {
  readonly pluginName: string;
  readonly instances: Instances;
  /** Makes the plugin for a configuration. Must not throw: a faulty configuration is the instance's to refuse. */
  readonly start: (config: unknown) => PluginInstance;
  readonly log: Logger;
}

/**
 * One of Kong's connections: calls one after the other. It is closed for an unknown instance only, which tells Kong
 * to start one (pb_rpc.lua, handle_event), and for bytes that are no frames of this protocol; whatever fails in
 * the plugin is answered with `kong.response.exit`, because Kong repeats a closed call for ever.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #frames = new FrameReader();
  readonly #replies: ReplyHandler[] = [];
  #exchange: Exchange | undefined;
  #retired = false;
  #closeWhenDone = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('end', () => {
      socket.end();
    });
    socket.on('error', (error) => {
      context.log.debug({ err: { message: error.message } }, 'connection error');
    });
    socket.on('close', () => {
      this.#exchange?.abandon();
    });
  }

  /**
   * From now on the next `handle_event` is answered by closing, with which Kong goes to another server. Nothing is closed
   * unasked: Kong may be about to use an idle connection, and repeats a `handle_event` that met a closed one, but answers
   * 500 when it was a `start_instance` (plugin.lua, get_instance_id).
   */
  retire(): void {
    this.#retired = true;
  }

  /** Whether no call is in flight. */
  get isIdle(): boolean {
    return this.#exchange === undefined;
  }

  /** Closes unless a call is in flight. */
  closeIfIdle(): void {
    if (this.#exchange === undefined) this.#socket.end();
    else this.#closeWhenDone = true;
  }

  /** Closes now. */
  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) this.#take(frame);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      this.#context.log.warn({ reason: cause.message }, 'not the protocol of Kong: connection closed');
      this.#socket.destroy();
    }
  }

  #take(frame: Buffer): void {
    // Half closed after an unknown instance or at shutdown: what still arrives is repeated by Kong elsewhere.
    if (this.#socket.writableEnded) return;
    const reply = this.#replies.shift();
    if (reply !== undefined) {
      reply(frame);
      return;
    }
    if (this.#exchange !== undefined) throw new ProtocolError('expected no call before the last one ended');
    this.#call(decodeRpcCall(frame));
  }

  #call(call: RpcCall): void {
    if (call.cmd_handle_event) {
      this.#handleEvent(call, call.cmd_handle_event.instance_id);
      return;
    }
    if (call.cmd_start_instance) {
      this.#startInstance(call, call.cmd_start_instance);
      return;
    }
    if (call.cmd_close_instance) {
      this.#context.instances.remove(call.cmd_close_instance.instance_id);
      this.#write([encodeRpcReturn(call.sequence)]);
      return;
    }
    throw new ProtocolError('expected start_instance, close_instance or handle_event');
  }

  #startInstance(
    call: RpcCall,
    { name, config }: { readonly name: string; readonly config: Uint8Array },
  ): void {
    if (name !== this.#context.pluginName)
      throw new ProtocolError(`expected the plugin ${this.#context.pluginName}`);
    const id = this.#context.instances.add(this.#context.start(parseJson(config)));
    this.#context.log.debug({ instance: id }, 'instance started');
    this.#write([encodeRpcReturn(call.sequence, { name, id })]);
  }

  #handleEvent(call: RpcCall, id: number): void {
    const instance = this.#retired ? undefined : this.#context.instances.get(id);
    if (instance === undefined) {
      this.#context.log.debug({ instance: id }, 'unknown instance, or retired: Kong will start one');
      this.#socket.end();
      return;
    }
    const exchange = new Exchange(
      {
        write: (frames) => {
          this.#write(frames);
        },
        expectReply: (handler) => {
          this.#replies.push(handler);
        },
      },
      call.sequence,
    );
    this.#exchange = exchange;
    void this.#run(instance, exchange);
  }

  async #run(instance: PluginInstance, exchange: Exchange): Promise<void> {
    try {
      await instance.access(exchange.kong);
      exchange.finish();
    } catch (cause) {
      await this.#fail(exchange, cause);
    }
    this.#exchange = undefined;
    if (this.#closeWhenDone) this.#socket.end();
  }

  async #fail(exchange: Exchange, cause: unknown): Promise<void> {
    if (exchange.ended) {
      this.#context.log.debug({ err: cause }, 'the exchange ended before the plugin did');
      return;
    }
    this.#context.log.error({ err: cause }, 'the plugin failed');
    exchange.discard();
    const headers = { 'Content-Type': 'application/json; charset=utf-8' };
    await exchange.kong.response.exit(500, JSON.stringify({ message: 'The gateway failed' }), headers);
  }

  // What is written in one turn leaves in one write.
  #write(frames: readonly Uint8Array[]): void {
    if (!this.#socket.writable) return;
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => {
        this.#socket.uncork();
      });
    }
    this.#socket.write(encodeFrames(frames));
  }
}

/** A configuration that is not JSON is handed on as undefined, for the plugin to refuse. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
