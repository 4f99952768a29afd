import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { adminTimeouts, boundAdminServer, type AdminBounds } from '../../protocol/admin-server';
import { sendJson, sendReadiness, type Readiness } from './readiness';
import { splitTarget } from './target';

/**
 * The admin port. `/livez` says that the process answers. `/readyz` is 200 when all of `readiness` is true, else 503;
 * the body says which is not. `/metrics` is Prometheus text.
 */
export function createAdminServer(
  readiness: () => Readiness,
  registry: Registry,
  bounds: AdminBounds,
): Server {
  const server = createServer(adminTimeouts(bounds.timeoutMs), (request, response) => {
    request.resume();
    const { path } = splitTarget(request.url);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      sendJson(response, 405, { message: 'expected GET' });
      return;
    }
    switch (path) {
      case '/livez':
        sendJson(response, 200, { status: 'ok' });
        return;
      case '/readyz':
        sendReadiness(response, readiness());
        return;
      case '/metrics':
        void sendMetrics(response, registry);
        return;
      default:
        sendJson(response, 404, { message: 'expected /livez, /readyz or /metrics' });
    }
  });
  boundAdminServer(server, bounds);
  return server;
}

async function sendMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    const text = await registry.metrics();
    response.writeHead(200, { 'Content-Type': registry.contentType }).end(text);
  } catch {
    sendJson(response, 500, { message: 'internal error' });
  }
}
