import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** The TCP connections of a server on which no request has come yet. */
export class LateRequests {
  readonly #sockets = new Set<Duplex>();

  constructor(server: Server) {
    const settle = (socket: Duplex): void => void this.#sockets.delete(socket);
    server.on('connection', (socket: Duplex) => {
      this.#sockets.add(socket);
      socket.once('close', () => {
        settle(socket);
      });
    });
    server.on('request', ({ socket }) => {
      settle(socket);
    });
    server.on('upgrade', (_request, socket) => {
      settle(socket);
    });
  }

  /** Cuts them, and none on which an answer is under way. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
