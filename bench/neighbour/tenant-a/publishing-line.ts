import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { REPLY_OFF } from '../../publisher/resp';

/** Bytes that wait in this process at most. */
const ROOM_BYTES = 8_388_608;

/** A connection on which a service of A publishes; Redis leaves out its answers. */
export class PublishingLine {
  readonly #socket: Socket;
  readonly #gone: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#gone = once(socket, 'close');
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(REPLY_OFF);
  }

  /** Connects to a port of 127.0.0.1. */
  static async open(port: number): Promise<PublishingLine> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new PublishingLine(socket);
  }

  /** Writes, and waits until there is room for more. */
  async write(command: Buffer): Promise<void> {
    if (this.#socket.write(command) || this.#socket.writableLength < ROOM_BYTES) return;
    const drained = new Promise<void>((resolve) => this.#socket.once('drain', resolve));
    await Promise.race([drained, this.#gone]);
  }

  leave(): void {
    this.#socket.destroy();
  }
}
