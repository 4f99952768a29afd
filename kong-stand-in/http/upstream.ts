import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Service } from '../declarative/entities';
import type { HeaderList } from '../lib/header-list';
import type { Target } from './targets';

/** A request on its way upstream. */
export interface UpstreamCall {
  readonly service: Service;
  /** Targets of one service, each of which may be asked. */
  readonly targets: readonly Target[];
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Buffer | undefined;
  /** Aborted when the client is gone. */
  readonly clientGone: AbortSignal;
}

/** An upstream's answer, or its failure. */
export type UpstreamResult =
  | { readonly kind: 'response'; readonly response: IncomingMessage }
  | {
      readonly kind: 'upgraded';
      readonly response: IncomingMessage;
      readonly socket: Duplex;
      /** Bytes that came right behind the 101. */
      readonly head: Buffer;
    }
  | { readonly kind: 'failed'; readonly reason: UpstreamFailure; readonly detail: string };

/** Why there is no response. */
export type UpstreamFailure =
  /** The host has no address. */
  | 'unresolved'
  /** It refused or broke the connection. */
  | 'broken'
  /** It answered with no HTTP, or with too large a head: nginx asks no other target then. */
  | 'malformed'
  | 'timed out';

/** Whose turn it is: Kong takes the addresses of a name one after the other. */
let turns = 0;

/**
 * Calls an upstream, `1 + retries` times when the connection fails before an answer came (nginx's `proxy_next_upstream
 * error timeout`), each time at the next of its addresses. A request that was sent is repeated only when its method is idempotent.
 */
export async function callUpstream(call: UpstreamCall): Promise<UpstreamResult> {
  const { targets } = call;
  for (let left = call.service.retries; ; left -= 1) {
    const target = targets[turns++ % targets.length];
    if (target === undefined) throw new TypeError('expected an address of the upstream');
    const { result, sent } = await attempt(call, target);
    if (result.kind !== 'failed' || left === 0) return result;
    if (result.reason === 'unresolved' || result.reason === 'malformed') return result;
    if (call.clientGone.aborted || (sent && !IDEMPOTENT.has(call.method))) return result;
  }
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

async function attempt(
  call: UpstreamCall,
  target: Target,
): Promise<{ result: UpstreamResult; sent: boolean }> {
  const { service, method, path, headers, body } = call;
  const start = service.protocol === 'https' ? httpsRequest : httpRequest;
  const outgoing = start({
    ...target,
    ...{ method, path, agent: false, setHost: false, rejectUnauthorized: false, servername: service.host },
    headers: headers.toRaw(),
    signal: call.clientGone,
  });
  let sent = false;
  const timer = setTimeout(() => outgoing.destroy(new Error('connect timeout')), service.connect_timeout);
  outgoing.on('socket', (socket) => {
    socket.on(service.protocol === 'https' ? 'secureConnect' : 'connect', () => {
      sent = true;
      clearTimeout(timer);
      outgoing.setTimeout(service.read_timeout, () => outgoing.destroy(new Error('read timeout')));
    });
  });
  const result = await settled(outgoing, body);
  clearTimeout(timer);
  return { result, sent };
}

function settled(outgoing: ClientRequest, body: Buffer | undefined): Promise<UpstreamResult> {
  return new Promise((resolve) => {
    outgoing.on('response', (response) => {
      if (isTooLarge(response)) outgoing.destroy();
      resolve(isTooLarge(response) ? TOO_LARGE : { kind: 'response', response });
    });
    outgoing.on('upgrade', (response, socket, head) => {
      if (isTooLarge(response)) socket.destroy();
      socket.setTimeout(0);
      resolve(isTooLarge(response) ? TOO_LARGE : { kind: 'upgraded', response, socket, head });
    });
    outgoing.on('error', (cause: NodeJS.ErrnoException) => {
      resolve({ kind: 'failed', reason: failureOf(cause), detail: cause.message });
    });
    outgoing.end(body);
  });
}

/** The largest head of an answer that nginx takes (`proxy_buffer_size`). */
const MAX_HEAD_BYTES = 4_096;
const TOO_LARGE = {
  kind: 'failed',
  reason: 'malformed',
  detail: 'upstream sent too big header while reading response header from upstream',
} as const;

function isTooLarge({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage): boolean {
  const statusLine = `HTTP/${httpVersion} ${statusCode ?? ''} ${statusMessage ?? ''}\r\n`;
  // A colon and a space, or a line end, follow each of them.
  const lines = rawHeaders.reduce((bytes, text) => bytes + text.length + 2, 0);
  return statusLine.length + lines + 2 > MAX_HEAD_BYTES;
}

function failureOf(cause: NodeJS.ErrnoException): UpstreamFailure {
  if (cause.code?.startsWith('HPE_') === true) return 'malformed';
  if (cause.syscall === 'getaddrinfo') return 'unresolved';
  if (cause.message === 'connect timeout' || cause.message === 'read timeout') return 'timed out';
  return cause.code === 'ETIMEDOUT' ? 'timed out' : 'broken';
}
