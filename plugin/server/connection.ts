import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { quoted } from '../../protocol/quoted';
import { Exchange, kongIsGone, type Awaiting, type ExchangeTransport, type FrameSource } from './exchange';
import { FrameReader, ProtocolError } from './protobuf/frame';
import { FrameWriter } from './protobuf/frame-writer';
import type { InstanceBook, PluginInstance } from './instances';
import { readRpcCall, writeRpcReturn, type RpcCall } from './protobuf/messages';

// A connection writes at once all that it writes, so that all can share one.
const out = new FrameWriter();

/** Where clients put tokens: Kong logs a refused request's headers, and here it is not known which held one. */
const TOKEN_HEADERS = ['authorization', 'sec-websocket-protocol', 'cookie'];

/** A connection serves Kong with these. */
export interface ConnectionContext {
  readonly pluginName: string;
  readonly instances: InstanceBook;
  readonly log: Logger;
}

/**
 * One of Kong's connections: calls one after the other. It is closed for an unknown instance, which tells Kong to start
 * one (pb_rpc.lua, handle_event). It is closed for bytes that are no frames of this protocol, for an instance that cannot be
 * started, to which Kong answers 500, and for nothing else. A failure in the plugin is answered with `kong.response.exit`, because
 * Kong repeats a closed call for ever.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #frames = new FrameReader();
  readonly #awaiting: Awaiting[] = [];
  readonly #transport: ExchangeTransport;
  #exchange: Exchange | undefined;
  /** Whether another process is being asked about an instance. */
  #isAsking = false;
  #retired = false;
  #closeWhenDone = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#transport = {
      write: (sources) => {
        this.#write(sources);
      },
      expect: (answers) => {
        this.#awaiting.push(...answers);
      },
    };
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
      for (const awaiting of this.#awaiting.splice(0)) awaiting.fail(kongIsGone());
    });
  }

  /**
   * From now on the next `handle_event` is answered by closing, with which Kong goes to another server. Nothing is
   * closed unasked, since Kong may be about to use an idle connection. It repeats a `handle_event` that met a closed
   * one, but answers 500 when it was a `start_instance` (plugin.lua, get_instance_id).
   */
  retire(): void {
    this.#retired = true;
  }

  /** Whether no call is in flight. */
  get isIdle(): boolean {
    return this.#exchange === undefined && !this.#isAsking;
  }

  /** Closes unless a call is in flight. */
  closeIfIdle(): void {
    if (this.isIdle) this.#socket.end();
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
    const awaiting = this.#awaiting.shift();
    if (awaiting !== undefined) {
      awaiting.take(frame);
      return;
    }
    if (!this.isIdle) throw new ProtocolError('expected no call before the last one ended');
    this.#call(readRpcCall(frame));
  }

  #call({ sequence, command }: RpcCall): void {
    switch (command?.name) {
      case 'handle_event':
        this.#handleEvent(sequence, command.instance);
        return;
      case 'start_instance':
        this.#startInstance(sequence, command.plugin, command.config);
        return;
      case 'close_instance':
        this.#context.instances.remove(command.instance);
        this.#return(sequence);
        return;
      case undefined:
        throw new ProtocolError(
          'RpcCall: expected cmd_start_instance, cmd_close_instance or cmd_handle_event, got none of them',
        );
    }
  }

  #startInstance(sequence: RpcCall['sequence'], name: string, config: Buffer): void {
    if (name !== this.#context.pluginName)
      throw new ProtocolError(`expected the plugin ${this.#context.pluginName}, got ${quoted(name)}`);
    const id = this.#context.instances.start(config);
    if (typeof id === 'number') this.#tellStarted(sequence, name, id);
    else void this.#startElsewhere(sequence, name, id);
  }

  async #startElsewhere(
    sequence: RpcCall['sequence'],
    name: string,
    starting: Promise<number>,
  ): Promise<void> {
    this.#isAsking = true;
    try {
      this.#tellStarted(sequence, name, await starting);
    } catch (cause) {
      this.#context.log.error({ reason: (cause as Error).message }, 'an instance got no id');
      this.#socket.end();
    }
    this.#isAsking = false;
    if (this.#closeWhenDone) this.#socket.end();
  }

  #tellStarted(sequence: RpcCall['sequence'], name: string, id: number): void {
    this.#context.log.debug({ instance: id }, 'instance started');
    this.#return(sequence, { name, id });
  }

  #handleEvent(sequence: RpcCall['sequence'], id: number): void {
    const instance = this.#retired ? undefined : this.#context.instances.get(id);
    if (instance instanceof Promise) void this.#handleFound(sequence, id, instance);
    else this.#handleWith(sequence, id, instance);
  }

  async #handleFound(
    sequence: RpcCall['sequence'],
    id: number,
    finding: Promise<PluginInstance | undefined>,
  ): Promise<void> {
    this.#isAsking = true;
    // One that cannot be asked for may be known: closing would have Kong start another, and again.
    const instance = await finding.catch((cause: unknown) => ({
      access: () => Promise.reject(new Error('it could not be asked for', { cause })),
    }));
    this.#isAsking = false;
    // Kong may be gone by now, and would never answer.
    if (this.#socket.writable) this.#handleWith(sequence, id, instance);
  }

  #handleWith(sequence: RpcCall['sequence'], id: number, instance: PluginInstance | undefined): void {
    if (instance === undefined) {
      this.#context.log.debug({ instance: id }, 'unknown instance, or retired: Kong will start one');
      this.#socket.end();
      return;
    }
    const exchange = new Exchange(this.#transport, sequence);
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
    for (const name of TOKEN_HEADERS) await exchange.kong.service.request.clearHeader(name);
    const headers = { 'Content-Type': 'application/json; charset=utf-8' };
    await exchange.kong.response.exit(500, JSON.stringify({ message: 'The gateway failed' }), headers);
  }

  #return(sequence: RpcCall['sequence'], instance?: { readonly name: string; readonly id: number }): void {
    this.#write([
      (frames) => {
        writeRpcReturn(frames, sequence, instance);
      },
    ]);
  }

  #write(sources: readonly FrameSource[]): void {
    if (!this.#socket.writable) return;
    try {
      for (const source of sources) source(out);
    } catch (cause) {
      out.discard();
      throw cause;
    }
    this.#socket.write(out.take());
  }
}
