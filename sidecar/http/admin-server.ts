import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { adminTimeouts, boundAdminServer } from '../../protocol/admin-server';
import { sendJson, sendReadiness, type Readiness } from './readiness';
import { splitTarget } from './target';

/** All that is told on the admin port. */
export interface Told {
  /** Whether all processes answer. */
  isLive(): boolean | Promise<boolean>;
  readiness(): Readiness | Promise<Readiness>;
  /** In Prometheus' text. */
  metrics(): Promise<string>;
}

/** An operator's bounds for that port. */
export interface AdminSettings {
  readonly adminMaxConnections: number;
  readonly adminTimeoutMs: number;
}

/**
 * The admin port. `/livez` is 200 when every process answers, else 503. `/readyz` is 200 when all of the readiness is true,
 * else 503; the body says which is not. `/metrics` is Prometheus text. Nothing listens yet.
 */
export function createAdminServer(
  told: Told,
  { adminMaxConnections: maxConnections, adminTimeoutMs: timeoutMs }: AdminSettings,
  log: Logger,
): Server {
  const server = createServer(adminTimeouts(timeoutMs), (request, response) => {
    request.resume();
    const { path } = splitTarget(request.url);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      sendJson(response, 405, { message: 'expected GET' });
      return;
    }
    void answer(path, told, response);
  });
  const onRefused = (reason: string): void => {
    log.info({ reason }, 'admin request refused');
  };
  boundAdminServer(server, { maxConnections, timeoutMs, onRefused });
  return server;
}

async function answer(path: string, told: Told, response: ServerResponse): Promise<void> {
  try {
    switch (path) {
      case '/livez':
        if (await told.isLive()) sendJson(response, 200, { status: 'ok' });
        else sendJson(response, 503, { status: 'unavailable' });
        return;
      case '/readyz':
        sendReadiness(response, await told.readiness());
        return;
      case '/metrics': {
        const text = await told.metrics();
        response.writeHead(200, { 'Content-Type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text);
        return;
      }
      default:
        sendJson(response, 404, { message: 'expected /livez, /readyz or /metrics' });
    }
  } catch {
    sendJson(response, 500, { message: 'internal error' });
  }
}
