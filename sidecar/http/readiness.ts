import type { ServerResponse } from 'node:http';

/** Which parts the bridge needs, and whether each is ready. */
export type Readiness = Readonly<Record<string, boolean>>;

/** Answers 200 when every part is ready, else 503; the body says which is not. */
export function sendReadiness(response: ServerResponse, readiness: Readiness): void {
  const ready = Object.values(readiness).every(Boolean);
  sendJson(response, ready ? 200 : 503, { status: ready ? 'ok' : 'unavailable', ready: readiness });
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
