import { once } from 'node:events';
import type { Server, ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How late a request that does not come is noticed, in milliseconds, at most. */
export const MAX_HTTP_CHECK_INTERVAL_MS = 1000;

/**
 * Cuts a connection whose request is not there within `timeoutMs`. Node looks for those once an interval, so one lives up
 * to an interval longer.
 */
export function httpTimeouts(timeoutMs: number): ServerOptions {
  return {
    requestTimeout: timeoutMs,
    connectionsCheckingInterval: Math.min(timeoutMs, MAX_HTTP_CHECK_INTERVAL_MS),
  };
}

/**
 * Connections that may wait to be accepted: after a restart everybody comes at once. Node would let 511 wait; the kernel drops what
 * is over, and its peer tries again a second later, then three. The kernel allows up to net.core.somaxconn, 4,096 by default.
 */
const BACKLOG = 4096;

/** Listens. @returns the port @throws Node's error when it is taken */
export async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host, BACKLOG);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Takes no more connections, and resolves when the last has ended. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
