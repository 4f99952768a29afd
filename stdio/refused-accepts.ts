import type { Server } from 'node:net';
import type { Logger } from 'pino';

/** How long a server does not tell of it again, in milliseconds. */
const QUIET_MS = 30_000;

/**
 * Has a server that listens outlive what it cannot accept. The system may have no descriptor or no memory for a connection.
 * Node tells of it as an `error` of the server, which ends the process where nobody listens for it, and all connections with it.
 * @param nowMs a monotonic clock, milliseconds
 */
export function outliveRefusedAccepts(
  server: Server,
  log: Logger,
  nowMs: () => number = () => performance.now(),
): void {
  let toldMs = -Infinity;
  server.on('error', ({ message }) => {
    if (nowMs() - toldMs < QUIET_MS) return;
    toldMs = nowMs();
    log.error({ reason: message }, 'connections cannot be accepted');
  });
}
