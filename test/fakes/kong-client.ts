import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * One connection to a plugin server as Kong makes it, frame by frame (kong-transcripts/protobuf). It knows nothing
 * of the messages: tests hand it recorded bytes.
 */
export class KongClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  readonly #waiting: (() => void)[] = [];
  /** How many separate arrivals of bytes there were: what the server wrote at once arrives at once. */
  arrivals = 0;
  ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.arrivals += 1;
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    socket.on('error', () => {
      this.ended = true;
      this.#wake();
    });
  }

  static async connect(path: string): Promise<KongClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new KongClient(socket);
  }

  /** Sends frames; Kong itself writes length and bytes separately. */
  send(...frames: readonly (Buffer | string)[]): void {
    for (const frame of frames) {
      const bytes = typeof frame === 'string' ? Buffer.from(frame, 'hex') : frame;
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      this.#socket.write(length);
      if (bytes.length > 0) this.#socket.write(bytes);
    }
  }

  /** Sends bytes as they are. */
  sendRaw(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** The next frame, or undefined when the server closed before one was whole. */
  async frame(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#received.length >= 4) {
        const end = 4 + this.#received.readUInt32LE(0);
        if (this.#received.length >= end) {
          const frame = this.#received.subarray(4, end);
          this.#received = this.#received.subarray(end);
          return frame;
        }
      }
      if (this.ended) return undefined;
      await this.#news();
    }
  }

  /** Resolves when the server has closed its side. */
  async end(): Promise<void> {
    while (!this.ended) await this.#news();
  }

  close(): void {
    this.#socket.destroy();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
