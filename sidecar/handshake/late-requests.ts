import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** The TCP connections of a server on which no request has come yet. */
export class LateRequests {
  readonly #sockets = new Set<Duplex>();

  constructor(server: Server) {
    const sockets = this.#sockets;
    // One listener for all: with one of its own an open socket would keep half a kilobyte for nothing.
    function forget(this: Duplex): void {
      sockets.delete(this);
    }
    const settle = (socket: Duplex): void => {
      forget.call(socket);
      socket.off('close', forget);
    };
    server.on('connection', (socket: Duplex) => {
      sockets.add(socket);
      socket.on('close', forget);
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
