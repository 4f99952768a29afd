import type { Socket } from 'node:net';

/** The errors that Redis says before it closes a connection that it does not take. */
const REFUSED_CONNECTION = /^-((?:ERR max number of clients|DENIED )[^\r\n]*)/;
/** As much of what it says first as is looked at, in bytes. */
const MAX_LINE_BYTES = 1024;

/**
 * From now on Redis's words about a connection that it does not take become the socket's error. ioredis takes them for
 * the answer to a command, and then tells of a closed connection alone. The first commands leave in one write, because
 * a second one would meet a closed socket before the words are read.
 */
export function hearRefusedConnection(socket: Socket): void {
  socket.once('connect', () => {
    socket.cork();
    process.nextTick(() => {
      socket.uncork();
    });
  });
  socket.once('data', (chunk: Buffer) => {
    const [, reason] = REFUSED_CONNECTION.exec(chunk.toString('latin1', 0, MAX_LINE_BYTES)) ?? [];
    if (reason !== undefined) socket.destroy(new Error(reason));
  });
}
