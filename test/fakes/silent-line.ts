import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a port of this machine, whose connections can die without a word. Those that come later live. */
export class SilentLine {
  /** How many connections were made. */
  made = 0;
  readonly #server: Server;
  readonly #joined = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((socket) => {
      this.made += 1;
      const other = connect(port, '127.0.0.1');
      this.#join(socket, other);
      this.#join(other, socket);
    });
  }

  static async start(port: number): Promise<SilentLine> {
    const line = new SilentLine(port);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Nothing comes through any connection that is open. */
  fallSilent(): void {
    for (const socket of this.#joined) socket.unpipe().resume();
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#joined) socket.destroy();
  }

  #join(socket: Socket, other: Socket): void {
    this.#joined.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      this.#joined.delete(socket);
      other.destroy();
    });
    socket.pipe(other);
  }
}
