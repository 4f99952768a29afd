import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Line } from './line';
import { REPLIED, REPLY_OFF, REPLY_ON } from './resp';

/** Commands for Redis, pipelined, with the answers left out. */
export class RedisLine implements Line {
  readonly #socket: Socket;
  /** Bytes that Redis has not taken yet wait in this process. */
  readonly room = Infinity;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.write(REPLY_OFF);
    socket.resume();
  }

  /** Connects to a port of 127.0.0.1. */
  static async open(port: number): Promise<RedisLine> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new RedisLine(socket);
  }

  write(commands: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(commands));
  }

  async finish(): Promise<void> {
    let text = '';
    const answered = new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString('latin1')).slice(-REPLIED.length);
        if (text === REPLIED) resolve();
      });
    });
    this.#socket.write(REPLY_ON);
    await answered;
    this.#socket.destroy();
  }
}
