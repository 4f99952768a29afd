import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A connection that a scripted plugin server has accepted. */
export class Peer {
  readonly socket: Socket;
  #buffered: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#buffered = Buffer.concat([this.#buffered, chunk]);
      this.#wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on('error', () => undefined);
  }

  /** A length-prefixed frame, or undefined when the gateway closed. */
  async frame(): Promise<Buffer | undefined> {
    const length = await this.#bytes(4);
    return length && this.#bytes(length.readUInt32LE());
  }

  /** Sends frames in one write. */
  sendFrames(frames: readonly Uint8Array[]): void {
    const parts = frames.flatMap((frame) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(frame.length);
      return [length, frame];
    });
    this.socket.write(Buffer.concat(parts));
  }

  /** The bytes that come next, or undefined when the gateway closed. */
  async chunk(): Promise<Buffer | undefined> {
    while (this.#buffered.length === 0) {
      if (this.#ended) return undefined;
      await this.#more();
    }
    return this.#bytes(this.#buffered.length);
  }

  async closed(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  async #bytes(length: number): Promise<Buffer | undefined> {
    while (this.#buffered.length < length) {
      if (this.#ended) return undefined;
      await this.#more();
    }
    const bytes = this.#buffered.subarray(0, length);
    this.#buffered = this.#buffered.subarray(length);
    return bytes;
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

/** A server on a Unix socket, one script for every connection. */
export class UnixServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: ((peer: Peer) => void)[] = [];
  readonly #peers: Peer[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      const peer = new Peer(socket);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#peers.push(peer);
      else waiting(peer);
    });
  }

  static async listen(path: string): Promise<UnixServer> {
    const server = createServer();
    const own = new UnixServer(server);
    server.listen(path);
    await once(server, 'listening');
    return own;
  }

  /** The next connection. */
  async accept(): Promise<Peer> {
    const peer = this.#peers.shift();
    return peer ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Runs a script for every connection from now on. */
  serve(script: (peer: Peer) => Promise<void>): void {
    const next = async (): Promise<void> => {
      const peer = await this.accept();
      void script(peer);
      await next();
    };
    void next();
  }

  /** As if it were killed. */
  async kill(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
