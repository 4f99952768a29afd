import type { IncomingMessage, ServerResponse } from 'node:http';
import { HEALTH_PATH } from '../routes/health-path';
import { sendJson, sendReadiness, type Readiness } from './readiness';
import { splitTarget } from './target';

/**
 * Whether a plain request is a balancer's check. A request that a gateway passes on is somebody's and no check. A route
 * that leads here must not look healthy while the gatekeeper before it is dead. Nor may it tell clients how the bridge
 * is.
 */
export function isHealthCheck({ url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>): boolean {
  return splitTarget(url).path === HEALTH_PATH && headers['x-forwarded-for'] === undefined;
}

/** Answers a check: 200 when upgrades can be admitted, else 503; the body says which part is not ready. */
export function answerHealthCheck(
  { method }: Pick<IncomingMessage, 'method'>,
  response: ServerResponse,
  readiness: Readiness,
): void {
  // A connection that is kept would be one more that a drain must wait for.
  response.setHeader('Connection', 'close');
  if (method === 'GET' || method === 'HEAD') {
    sendReadiness(response, readiness);
    return;
  }
  response.setHeader('Allow', 'GET, HEAD');
  sendJson(response, 405, { message: 'expected GET' });
}
