import { once } from 'node:events';
import type { Server, ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { outliveRefusedAccepts } from '../../stdio/refused-accepts';

/** How late a request that does not come is noticed, in milliseconds, at most. */
export const MAX_HTTP_CHECK_INTERVAL_MS = 1000;

/**
 * Cuts a connection whose request is not there within `timeoutMs`, and one whose request line and headers are larger than
 * `maxHeaderBytes`. Node looks for the late ones once an interval, so one lives up to an interval longer.
 */
export function httpOptions(timeoutMs: number, maxHeaderBytes: number): ServerOptions {
  return {
    maxHeaderSize: maxHeaderBytes,
    // We refuse what has none, and say so.
    requireHostHeader: false,
    requestTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    connectionsCheckingInterval: Math.min(timeoutMs, MAX_HTTP_CHECK_INTERVAL_MS),
  };
}

/** Where a server listens. */
export interface ListenAddress {
  readonly port: number;
  readonly host: string;
  /**
   * Connections that may wait to be accepted; by default Node's 511. The kernel lets no more wait than
   * net.core.somaxconn; one that finds no room tries again after a second, then after two more.
   */
  readonly backlog?: number;
}

/** Listens. @returns the port @throws Node's error when it is taken */
export async function listen(server: Server, address: ListenAddress, log: Logger): Promise<number> {
  server.listen(address);
  await once(server, 'listening');
  outliveRefusedAccepts(server, log);
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
