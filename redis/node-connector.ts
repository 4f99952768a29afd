import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { hearRefusedConnection } from './refused-connection';

/**
 * Opens the sockets to a cluster's nodes. ioredis listens for one error of a socket. A socket that is let go of in the
 * middle of a TLS handshake may tell of two. An error that nobody listens for ends the process.
 */
export class NodeConnector extends AbstractConnector {
  readonly #options: RedisOptions;

  /** @param options those of the connection, which ioredis hands over untyped */
  constructor(options: unknown) {
    super((options as RedisOptions).disconnectTimeout ?? DISCONNECT_TIMEOUT_MS);
    this.#options = options as RedisOptions;
  }

  override disconnect(): void {
    // A socket that has closed does not say so again: ioredis would wait for that, and keep the process for so long.
    if ((this.stream as Socket | undefined)?.closed === true) this.connecting = false;
    else super.disconnect();
  }

  // An error that Node throws is a failed attempt as any other: files may be half replaced.
  // eslint-disable-next-line @typescript-eslint/require-await
  async connect(): Promise<Socket> {
    const { host = '127.0.0.1', port = 6379, tls } = this.#options;
    this.connecting = true;
    const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...tls });
    socket.once('error', (error: Error) => {
      this.firstError = error;
    });
    socket.on('error', () => undefined);
    hearRefusedConnection(socket);
    this.stream = socket;
    return socket;
  }
}

const DISCONNECT_TIMEOUT_MS = 2000;
