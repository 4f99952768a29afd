import type { Socket } from 'node:net';

/** The errors that Redis says before it closes a connection that it does not take. */
const REFUSED_CONNECTION = /^-((?:ERR max number of clients|DENIED )[^\r\n]*)/;
/** As much of what it says first as is looked at, in bytes. */
const MAX_LINE_BYTES = 1024;

/**
 * From now on what Redis says of a connection that it does not take becomes the socket's error, in Redis's own words: ioredis takes it
 * for the answer to a command, and then tells of a closed connection alone. What is sent first leaves in one write, because a
 * second one would meet a closed socket before that is read.
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
