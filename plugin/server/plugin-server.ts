import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { outliveRefusedAccepts } from '../../stdio/refused-accepts';
import { Connection, type ConnectionContext } from './connection';
import { SocketPath } from './socket-path';

/** A running plugin server. */
export interface PluginServer {
  /** Open connections of Kong. */
  readonly connections: number;
  /** Those of them with a call that is being served. */
  readonly callsInFlight: number;
  /**
   * Stops: takes no new connections, serves the calls in flight, and closes connections that stay idle. It hands
   * further calls back to Kong for the server that has taken the path over. Resolves when the last connection is gone,
   * at the latest after `timeoutMs`.
   */
  close(timeoutMs: number): Promise<void>;
}

/** Where and how to listen. */
export interface ListenOptions {
  /** The Unix socket's path. A server that listens there already keeps its connections and gets no new ones. */
  readonly path: string;
  /** Permission bits of the socket; Kong's user must be able to write to it. */
  readonly mode: number;
}

/**
 * Connections that may wait to be accepted. In a storm Kong opens one for each upgrade, and answers 500 when none is free;
 * Node would let 511 wait. The kernel allows up to net.core.somaxconn, 4,096 by default.
 */
const BACKLOG = 4096;
/** How long connections are still accepted after close(): those already in the backlog would be reset otherwise. */
const BACKLOG_GRACE_MS = 100;
/** How long Kong may still bring calls on connections of its pool before those that stayed idle are closed. */
const IDLE_GRACE_MS = 1500;

/** Starts to serve Kong's ProtoBuf RPC. @throws when the path cannot be listened on, saying why */
export async function startPluginServer(
  { path, mode }: ListenOptions,
  context: ConnectionContext,
): Promise<PluginServer & { readonly socketPath: SocketPath }> {
  const socketPath = new SocketPath(path, mode);
  const server = await startOn(socketPath.ownName, context);
  socketPath.take();
  return Object.assign(server, { socketPath });
}

/** Serves on a name, which the caller makes known to Kong. In a worker of node:cluster all of them accept there. */
export async function startOn(name: string, context: ConnectionContext): Promise<PluginServer> {
  const connections = new Set<Connection>();
  let retired = false;
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    const connection = new Connection(socket, context);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
    if (retired) connection.retire();
  });
  await listen(server, name);
  outliveRefusedAccepts(server, context.log);
  return {
    get connections() {
      return connections.size;
    },
    get callsInFlight() {
      return [...connections].filter(({ isIdle }) => !isIdle).length;
    },
    async close(timeoutMs) {
      retired = true;
      for (const connection of connections) connection.retire();
      await delay(BACKLOG_GRACE_MS);
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
      const idle = setTimeout(
        () => {
          for (const connection of connections) connection.closeIfIdle();
        },
        Math.min(IDLE_GRACE_MS, timeoutMs),
      );
      const late = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, timeoutMs);
      await closed;
      clearTimeout(idle);
      clearTimeout(late);
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
