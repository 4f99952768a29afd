import { createServer, type Server } from 'node:http';
import { adminTimeouts, boundAdminServer, type AdminBounds } from '../../protocol/admin-server';
import { collectProcessMetrics, registry } from '../metrics/metrics';

/** The answers on the admin port. */
export interface Told {
  /** All metrics, in Prometheus' text. */
  metrics(): Promise<string>;
  /** Whether the process does its work. */
  isLive(): boolean;
}

/** The answers of a gatekeeper that is one process. */
export const OWN: Told = { metrics: () => registry.metrics(), isLive: () => true };

/**
 * Serves GET /metrics (Prometheus) and /livez on a port of its own.
 * @param port 0 takes any free one
 */
export async function startAdmin(
  host: string,
  port: number,
  bounds: AdminBounds,
  told: Told = OWN,
): Promise<Server> {
  const server = createServer(adminTimeouts(bounds.timeoutMs), (request, response) => {
    if (request.method !== 'GET') {
      response.writeHead(405, { Allow: 'GET' }).end();
      return;
    }
    switch (request.url) {
      case '/livez':
        if (told.isLive()) response.end('ok\n');
        else response.writeHead(503).end('no worker listens\n');
        return;
      case '/metrics':
        told.metrics().then(
          (text) => response.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
          () => response.writeHead(500).end(),
        );
        return;
      default:
        response.writeHead(404).end();
    }
  });
  boundAdminServer(server, bounds);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  collectProcessMetrics();
  return server;
}
