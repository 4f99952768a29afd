import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { CLOSE_CODES } from '../../protocol/close-codes';
import type { BridgeErrorCode } from '../../protocol/frames';
import type { BRIDGE_REFUSALS, BridgeOutcome } from '../../protocol/refusals';
import type { QuotaScope } from '../quotas/tenant-quota';

/** An answer other than 101. */
export interface Refusal {
  readonly outcome: BridgeOutcome;
  readonly status: number;
  /** For the client: says what was wrong, quotes nothing secret. */
  readonly message: string;
  /** For the log in place of the message: what the client has no use for. */
  readonly detail?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the answer's JSON. */
  readonly members?: Readonly<Record<string, string | undefined>>;
  /** With this code a WebSocket would be closed that was open: the refusal will not heal. */
  readonly closeCode?: number;
}

/** Seconds in `Retry-After` when Redis is away or the bridge has no room. */
export const RETRY_AFTER_SECONDS = 1;

/** Seconds in `Retry-After` when a user or a tenant has as many connections as it may. */
export const CAP_RETRY_AFTER_SECONDS = 5;

/** No route at this path. */
export const NOT_FOUND = refusal('not_found', 404, 'no such route');

/** A WebSocket route, asked without an upgrade (RFC 9110 §15.5.22: 426 "MUST send an Upgrade header"). */
export const UPGRADE_REQUIRED = refusal('upgrade_required', 426, 'this route speaks WebSocket only', {
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
});

/** The request is not well formed. */
export function badRequest(message: string): Refusal {
  return refusal('bad_request', 400, message);
}

/** The request's headers are larger than the bridge takes. */
export const HEADERS_TOO_LARGE = refusal('headers_too_large', 431, 'expected smaller headers');

/** The request was not there in time. */
export const REQUEST_TIMEOUT = refusal('request_timeout', 408, 'the request took too long');

/** An Expect that nobody can meet (RFC 9110 §10.1.1). */
export const EXPECTATION_FAILED = refusal('bad_request', 417, 'expected no Expect but 100-continue');

/** CONNECT: the bridge is no proxy. */
export const NO_PROXY = refusal('bad_request', 405, 'expected GET', { Allow: 'GET, HEAD' });

/** A message for a session of which nobody has opened a connection yet: it would have no owner. */
export const SESSION_NOT_OPEN = refusal(
  'session_not_open',
  409,
  'expected a session that is open: connect to it first',
);

/** A message that is larger than its route takes. */
export const MESSAGE_TOO_BIG = refusal('message_too_big', 413, 'expected a smaller message');

/** The status with which a message is refused, by the code of its error frame (PROTOCOL.md §11). */
export const MESSAGE_STATUSES = {
  INVALID_COMMAND: 400,
  READ_ONLY: 403,
  RESERVED: 400,
  TOO_MANY_MESSAGES: 429,
  // No message about a lock is taken by POST.
  INVALID_LOCK: 400,
  LOCKED: 403,
  TOO_MANY_LOCKS: 429,
  UNAVAILABLE: 503,
} as const satisfies Readonly<Record<BridgeErrorCode, number>>;

/** A message is refused, with the code of an error frame. */
export function messageRefused(
  status: 400 | 403 | 429 | 503,
  {
    message,
    ...members
  }: { readonly code: BridgeErrorCode; readonly message: string; readonly id: string | undefined },
): Refusal {
  const mayRepeat = status === 429 || status === 503;
  const headers = mayRepeat ? { 'Retry-After': `${RETRY_AFTER_SECONDS}` } : {};
  return { ...refusal('message_refused', status, message, headers), members };
}

/** Nobody vouches for the caller (RFC 9110 §11.6.1: a 401 names its challenge). */
export function unauthorized(message: string): Refusal {
  return refusal('unauthorized', 401, message, { 'WWW-Authenticate': 'Bearer realm="ws-bridge"' });
}

/** The caller is known and may not have this. */
export function forbidden(message: string): Refusal {
  return { ...refusal('forbidden', 403, message), closeCode: CLOSE_CODES.forbidden.code };
}

/** The user or the tenant has as many connections as it may, on all bridges together. */
export function tooManyConnections(scope: QuotaScope): Refusal {
  const message = `too many open connections of this ${scope}`;
  return refusal('too_many_connections', 429, message, { 'Retry-After': `${CAP_RETRY_AFTER_SECONDS}` });
}

/** Not now, and not here: the bridge has no room. */
export function full(message: string): Refusal {
  return refusal('full', 503, message, { 'Retry-After': `${RETRY_AFTER_SECONDS}` });
}

/** Not now: Redis or the primary is away, or the bridge is closing. */
export function unavailable(message: string): Refusal {
  return refusal('unavailable', 503, message, { 'Retry-After': `${RETRY_AFTER_SECONDS}` });
}

/** The bridge failed; what failed is in its log. */
export const FAILED = refusal('failed', 500, 'internal error');

/** @param status one that the table has for this outcome */
function refusal<Outcome extends BridgeOutcome>(
  outcome: Outcome,
  status: (typeof BRIDGE_REFUSALS)[Outcome]['statuses'][number],
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Refusal {
  return Object.freeze({ outcome, status, message, headers });
}

/** Answers a plain request. Who has no WebSocket reads in it whether to stop (PROTOCOL.md §11). */
export function respond(response: ServerResponse, refused: Refusal): void {
  const { status, headers, closeCode } = refused;
  const body = bodyOf(refused, closeCode);
  response.writeHead(status, fieldsOf(headers, body));
  response.end(body);
}

/** Answers an upgrade on its raw socket and closes it. */
export function refuseUpgrade(socket: Duplex, refused: Refusal): void {
  const { status, headers } = refused;
  const body = bodyOf(refused);
  const lines = Object.entries(fieldsOf(headers, body)).map(([name, value]) => `${name}: ${value}`);
  socket.once('finish', () => socket.destroy());
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', body].join('\r\n'));
}

function bodyOf({ message, members }: Refusal, closeCode?: number): string {
  return JSON.stringify({ message, ...members, closeCode });
}

function fieldsOf(headers: Refusal['headers'], body: string): Record<string, string> {
  return {
    ...headers,
    'Content-Type': 'application/json',
    'Content-Length': `${Buffer.byteLength(body)}`,
    // A sender of Upgrade names it here as well, so that it goes no further than the next hop (RFC 9110 §7.8).
    Connection: 'Upgrade' in headers ? 'close, Upgrade' : 'close',
  };
}
