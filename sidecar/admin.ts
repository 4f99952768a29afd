import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

/** Which parts the bridge needs, and whether each is ready. */
export type Readiness = Readonly<Record<string, boolean>>;

/**
 * The admin port: `/livez` (the process answers), `/readyz` (200 when all of `readiness` is true, else 503;
 * the body says which is not) and `/metrics` (Prometheus text).
 */
export function createAdminServer(readiness: () => Readiness, registry: Registry): Server {
  return createServer((request, response) => {
    request.resume();
    const [path] = (request.url ?? '').split('?');
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
}

function sendReadiness(response: ServerResponse, readiness: Readiness): void {
  const ready = Object.values(readiness).every(Boolean);
  sendJson(response, ready ? 200 : 503, { status: ready ? 'ok' : 'unavailable', ready: readiness });
}

async function sendMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    const text = await registry.metrics();
    response.writeHead(200, { 'Content-Type': registry.contentType }).end(text);
  } catch {
    sendJson(response, 500, { message: 'internal error' });
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
