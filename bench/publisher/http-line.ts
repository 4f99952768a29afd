import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { AnswerCounter } from './answer-counter';
import type { Line } from './line';

/** Requests that wait for their answers, at most: enough that a server always has a next one. */
const IN_FLIGHT = 1024;

/** Requests for an HTTP server, pipelined on one connection, so that each channel's stay in order. */
export class HttpLine implements Line {
  readonly #socket: Socket;
  readonly #answers = new AnswerCounter();
  #written = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#answers.push(chunk);
      if (this.#answers.count === this.#written) socket.emit('answered');
    });
  }

  /** Connects to a port of 127.0.0.1. */
  static async open(port: number): Promise<HttpLine> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new HttpLine(socket);
  }

  get room(): number {
    return IN_FLIGHT - (this.#written - this.#answers.count);
  }

  write(requests: readonly Buffer[]): void {
    this.#written += requests.length;
    this.#socket.write(Buffer.concat(requests));
  }

  async finish(): Promise<void> {
    if (this.#answers.count < this.#written) await once(this.#socket, 'answered');
    this.#socket.destroy();
  }
}
