import type { IncomingMessage } from 'node:http';
import { errorAnswer, nginxErrorAnswer, type Answer } from './answer';
import type { Client } from './client';
import { HeaderList } from './header-list';
import type { Log } from './log';
import type { GatewayRequest } from './request';
import { ownHeaders, relayedHeaders } from './response-headers';
import type { Match } from './router';
import { targetOf, type ResolveMap } from './targets';
import { joinTunnel } from './tunnel';
import { callUpstream, type UpstreamFailure, type UpstreamResult } from './upstream';
import { upstreamHeaders, wantsWebSocket } from './upstream-headers';
import { escapePath, rawQuery } from './uri';
import type { Worker } from './worker';

/** What an exchange needs besides its client. */
export interface ExchangeOptions {
  readonly worker: Worker;
  readonly resolve: ResolveMap;
  readonly log: Log;
  /** 32 hex digits, new each time. */
  readonly newRequestId: () => string;
  /** Milliseconds of a clock. */
  readonly now: () => number;
}

/** Takes one request through the gateway: route, plugin, upstream. */
export async function serve(client: Client, options: ExchangeOptions): Promise<void> {
  const { worker, now, newRequestId } = options;
  const startedAt = now();
  const clientHeaders = HeaderList.fromRaw(client.incoming.rawHeaders);
  const kongRequestId = newRequestId();
  const errorContext = { kongRequestId, accept: acceptOf(clientHeaders) };

  const refusal = headersRefusal(client.incoming);
  if (refusal !== undefined) {
    send(nginxErrorAnswer(refusal, { ...errorContext, contentType: clientHeaders.first('Content-Type') }));
    return;
  }
  const { method = 'GET', url: target = '/' } = client.incoming;
  const host = hostName(clientHeaders.first('Host'));
  const match = worker.route({ method, host, target });
  if (match === undefined) {
    send(errorAnswer(404, errorContext, 'no Route matched with those values'));
    return;
  }
  const redirect = httpsOnly(match, host, target, errorContext);
  if (redirect !== undefined) {
    send(redirect);
    return;
  }
  const request = toRequest(client, match, {
    clientHeaders,
    host,
    kongRequestId,
    nginxRequestId: newRequestId(),
  });
  const answer = await worker.access(request);
  if (client.gone.aborted) return;
  if (answer !== undefined) {
    send(answer, request.responseHeaders);
    return;
  }
  await proxy();

  function send(own: Answer, plugins = new HeaderList()): void {
    const headers = plugins.copy();
    for (const [name] of own.headers.lines) headers.set(name, own.headers.all(name));
    client.answer({ ...own, headers: ownHeaders(headers, kongRequestId, elapsed()) });
  }

  function elapsed(): number {
    return Math.round(now() - startedAt);
  }

  async function proxy(): Promise<void> {
    const { service } = request;
    if (service === undefined) {
      send(errorAnswer(503, errorContext, 'no Service found with those values'));
      return;
    }
    const body = await readBody(client.incoming);
    const result = await callUpstream({
      service,
      target: targetOf(service.host, service.port, options.resolve),
      method,
      path: request.upstreamPath + query(request),
      headers: upstreamHeaders(request, service, match?.prefix, body?.length),
      body,
      clientGone: client.gone,
    });
    finish(result);
  }

  function finish(result: UpstreamResult): void {
    if (result.kind === 'failed') {
      options.log('err', `upstream ${result.reason}: ${result.detail}`);
      if (!client.gone.aborted) send(failureAnswer(result.reason, clientHeaders, errorContext));
      return;
    }
    const upstream = HeaderList.fromRaw(result.response.rawHeaders).lines;
    const upgrade = wantsWebSocket(clientHeaders);
    const plugins = request.responseHeaders;
    const headers = relayedHeaders({ upstream, plugins, upgrade, kongRequestId, latencyMs: elapsed() });
    if (result.kind === 'response') {
      client.relay(result.response, headers);
      return;
    }
    const socket = client.upgrade(headers);
    if (socket === undefined) {
      result.socket.destroy();
      send(failureAnswer('broken', clientHeaders, errorContext));
      return;
    }
    if (result.head.length > 0) result.socket.unshift(result.head);
    const timeouts = request.service ?? { read_timeout: 60_000, write_timeout: 60_000 };
    void joinTunnel({
      client: socket,
      upstream: result.socket,
      readTimeoutMs: timeouts.read_timeout,
      writeTimeoutMs: timeouts.write_timeout,
    });
  }
}

interface RequestFacts {
  readonly clientHeaders: HeaderList;
  readonly host: string;
  readonly kongRequestId: string;
  readonly nginxRequestId: string;
}

function toRequest(client: Client, match: Match, facts: RequestFacts): GatewayRequest {
  const { socket, method = 'GET', url: target = '/', httpVersion } = client.incoming;
  return {
    ...facts,
    ...{ method, target, httpVersion },
    clientAddress: (socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
    clientPort: socket.remotePort ?? 0,
    serverPort: socket.localPort ?? 0,
    route: match.route,
    service: match.service,
    shared: new Map(),
    clientGone: client.gone,
    headers: facts.clientHeaders.copy(),
    upstreamPath: escapePath(match.upstreamPath),
    query: rawQuery(target),
    upstreamHost: match.route.preserve_host ? facts.clientHeaders.first('Host') : undefined,
    responseHeaders: new HeaderList(),
  };
}

/** kong/runloop/handler.lua keeps the question mark of an empty query. */
function query(request: GatewayRequest): string {
  return request.query !== '' || request.target.endsWith('?') ? `?${request.query}` : '';
}

function acceptOf(headers: HeaderList): string | undefined {
  const values = headers.all('Accept');
  return values.length === 0 ? undefined : values.join(',');
}

/** nginx's `$host`. */
function hostName(header: string | undefined): string {
  return (header ?? '').replace(/:\d*$/, '').toLowerCase();
}

/** The largest header line that nginx takes (`large_client_header_buffers 4 8k`). */
const MAX_HEADER_LINE_BYTES = 8_192;

/** The status of a request whose headers nginx would not take: 494 is its own for headers that are too large. */
function headersRefusal(incoming: IncomingMessage): number | undefined {
  const { rawHeaders, url = '' } = incoming;
  if (url.length > MAX_HEADER_LINE_BYTES - 'GET  HTTP/1.1\r\n'.length) return 414;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const line = (rawHeaders[i] ?? '').length + 2 + (rawHeaders[i + 1] ?? '').length;
    if (line > MAX_HEADER_LINE_BYTES - 2) return 494;
  }
  return undefined;
}

function httpsOnly(
  { route }: Match,
  host: string,
  target: string,
  context: { kongRequestId: string; accept: string | undefined },
): Answer | undefined {
  if (!route.protocols.includes('https') || route.protocols.includes('http')) return undefined;
  const status = route.https_redirect_status_code;
  if (status !== 426) {
    const headers = new HeaderList([['Location', `https://${host}${target}`]]);
    return { status, headers, body: Buffer.alloc(0) };
  }
  const answer = errorAnswer(426, context, 'Please use HTTPS protocol');
  answer.headers.set('Connection', ['Upgrade']);
  answer.headers.set('Upgrade', ['TLS/1.2, HTTP/1.1']);
  return answer;
}

function failureAnswer(
  reason: UpstreamFailure,
  headers: HeaderList,
  context: { kongRequestId: string; accept: string | undefined },
): Answer {
  if (reason === 'unresolved') return errorAnswer(503, context, 'name resolution failed');
  const status = reason === 'timed out' ? 504 : 502;
  return nginxErrorAnswer(status, { ...context, contentType: headers.first('Content-Type') });
}

/** The whole body, as nginx reads it before it calls upstream (`proxy_request_buffering on`). */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const { headers } = incoming;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
