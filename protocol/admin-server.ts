import type { Server, ServerOptions } from 'node:http';

/** The bounds of what an admin port may cost its process, whose descriptors it shares. */
export interface AdminBounds {
  /** Open at a time; more are closed at once. */
  readonly maxConnections: number;
  /** For a request to be there whole, in milliseconds. */
  readonly timeoutMs: number;
  /** Told of each connection that was refused or cut, and why. */
  readonly onRefused: (reason: string) => void;
}

/** Options for the admin server of both processes: an unfinished request is cut, at most a second late. */
export function adminTimeouts(timeoutMs: number): ServerOptions {
  return {
    headersTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    keepAliveTimeout: timeoutMs,
    connectionsCheckingInterval: Math.min(timeoutMs, 1000),
  };
}

/** Status lines for what Node would answer by itself, and nobody would know. */
const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Bounds an admin server's connections, and tells of what it refuses. */
export function boundAdminServer(server: Server, { maxConnections, onRefused }: AdminBounds): void {
  server.maxConnections = maxConnections;
  server.on('drop', () => {
    onRefused('too many connections');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const { code = 'unknown' } = error;
    if (code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    onRefused(code);
    const status = STATUS_LINES[code] ?? '400 Bad Request';
    socket.on('error', () => undefined);
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () =>
      socket.destroy(),
    );
  });
}
