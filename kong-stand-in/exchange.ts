import type { IncomingMessage } from 'node:http';
import { errorAnswer, nginxErrorAnswer, type Answer, type ErrorContext } from './http/answer';
import type { Client } from './http/client';
import type { Service } from './declarative/entities';
import { HeaderList } from './lib/header-list';
import type { Log } from './lib/log';
import type { LuaTable } from './lib/lua';
import { logEntry } from './http/log-entry';
import type { GatewayRequest } from './http/request';
import { nginxRefusal } from './http/nginx-refusal';
import { readTarget } from './http/request-target';
import { ownHeaders, relayedHeaders } from './http/response-headers';
import type { Match } from './http/router';
import { targetsOf, type ResolveMap } from './http/targets';
import { joinTunnel } from './http/tunnel';
import { callUpstream, type UpstreamFailure, type UpstreamResult } from './http/upstream';
import { upstreamHeaders, wantsWebSocket } from './http/upstream-headers';
import { escapePath, rawQuery } from './lib/uri';
import type { Worker } from './worker';

/** The needs of an exchange besides its client. */
export interface ExchangeOptions {
  readonly worker: Worker;
  readonly resolve: ResolveMap;
  readonly log: Log;
  readonly onRequestOver: (entry: LuaTable) => void;
  /** 32 hex digits, new each time. */
  readonly newRequestId: () => string;
  /** Milliseconds of a clock. */
  readonly now: () => number;
}

/** Takes one request through the gateway: route, plugin, upstream. */
export function serve(client: Client, options: ExchangeOptions): Promise<void> {
  return new Exchange(client, options).run();
}

class Exchange {
  readonly #client: Client;
  readonly #options: ExchangeOptions;
  readonly #startedAt: number;
  readonly #kongRequestId: string;
  readonly #clientHeaders: HeaderList;
  readonly #target: string;
  /** `$host`. */
  readonly #host: string;

  constructor(client: Client, options: ExchangeOptions) {
    this.#client = client;
    this.#options = options;
    this.#startedAt = options.now();
    this.#kongRequestId = options.newRequestId();
    this.#clientHeaders = HeaderList.fromRaw(client.incoming.rawHeaders);
    const { target, authority } = readTarget(client.incoming.url ?? '/');
    this.#target = target;
    this.#host = hostName(authority ?? this.#clientHeaders.first('Host'));
  }

  async run(): Promise<void> {
    const { incoming, gone } = this.#client;
    const { method = 'GET', httpVersion, rawHeaders } = incoming;
    const [target, host] = [this.#target, this.#host];
    const refusal = nginxRefusal({ method, target, httpVersion, rawHeaders });
    if (refusal !== undefined) {
      this.#send(nginxErrorAnswer(refusal, this.#errorContext));
      return;
    }
    const match = this.#options.worker.route({ method, host, target });
    if (match === undefined) {
      this.#send(errorAnswer(404, this.#errorContext, 'no Route matched with those values'));
      return;
    }
    const redirect = httpsOnly(match, host, target, this.#errorContext);
    if (redirect !== undefined) {
      this.#send(redirect);
      return;
    }
    const request = this.#toRequest(match);
    const answer = await this.#options.worker.access(request);
    if (gone.aborted) return;
    const status = answer === undefined ? await this.#proxy(request, match.prefix) : answer.status;
    if (answer !== undefined) this.#send(answer, request.responseHeaders);
    this.#options.onRequestOver(logEntry(request, status));
  }

  #toRequest(match: Match): GatewayRequest {
    const { socket, method = 'GET', httpVersion } = this.#client.incoming;
    const [clientHeaders, target, host] = [this.#clientHeaders, this.#target, this.#host];
    return {
      ...{ method, target, httpVersion, host, clientHeaders },
      clientAddress: (socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
      clientPort: socket.remotePort ?? 0,
      serverPort: socket.localPort ?? 0,
      kongRequestId: this.#kongRequestId,
      nginxRequestId: this.#options.newRequestId(),
      route: match.route,
      service: match.service,
      consumers: this.#options.worker.consumers,
      ...{ consumer: undefined, credential: undefined },
      shared: new Map(),
      serializeValues: new Map(),
      clientGone: this.#client.gone,
      headers: clientHeaders.copy(),
      upstreamPath: escapePath(match.upstreamPath),
      query: rawQuery(target),
      upstreamHost: match.route.preserve_host ? clientHeaders.first('Host') : undefined,
      responseHeaders: new HeaderList(),
    };
  }

  /** Resolves with the answer's status once it is relayed, and the tunnel behind a 101 closed. */
  async #proxy(request: GatewayRequest, prefix: string | undefined): Promise<number> {
    const { service, method } = request;
    if (service === undefined) {
      this.#send(errorAnswer(503, this.#errorContext, 'no Service found with those values'));
      return 503;
    }
    const body = await readBody(this.#client.incoming);
    const result = await callUpstream({
      ...{ service, method, body },
      targets: targetsOf(service.host, service.port, this.#options.resolve),
      path: request.upstreamPath + query(request),
      headers: upstreamHeaders(request, service, prefix, body?.length, this.#isUpgrade),
      clientGone: this.#client.gone,
    });
    if (result.kind === 'failed') return this.#fail(result.reason, result.detail);
    return this.#relay(request, service, result);
  }

  async #relay(
    request: GatewayRequest,
    service: Service,
    result: Exclude<UpstreamResult, { kind: 'failed' }>,
  ): Promise<number> {
    const headers = relayedHeaders({
      upstream: HeaderList.fromRaw(result.response.rawHeaders).lines,
      plugins: request.responseHeaders,
      upgrade: this.#isUpgrade,
      kongRequestId: this.#kongRequestId,
      latencyMs: this.#elapsedMs(),
    });
    if (result.kind === 'response') {
      // nginx: `X-Accel-Buffering` of an answer goes before the route's own setting.
      const { 'x-accel-buffering': accel } = result.response.headers;
      const buffered = accel === undefined ? request.route.response_buffering : accel !== 'no';
      this.#client.relay(result.response, headers, buffered);
      return result.response.statusCode ?? 0;
    }
    const socket = this.#client.upgrade(headers);
    if (socket === undefined) {
      result.socket.destroy();
      return this.#fail('broken', 'it upgraded a connection that was not to be upgraded');
    }
    if (result.head.length > 0) result.socket.unshift(result.head);
    const { read_timeout: readTimeoutMs, write_timeout: writeTimeoutMs } = service;
    await joinTunnel({ client: socket, upstream: result.socket, readTimeoutMs, writeTimeoutMs });
    return 101;
  }

  #fail(reason: UpstreamFailure, detail: string): number {
    this.#options.log('err', `upstream ${reason}: ${detail}`);
    const answer = failureAnswer(reason, this.#errorContext);
    if (!this.#client.gone.aborted) this.#send(answer);
    return answer.status;
  }

  #send(own: Answer, plugins = new HeaderList()): void {
    const headers = plugins.copy();
    for (const [name] of own.headers.lines) headers.set(name, own.headers.all(name));
    const complete = ownHeaders(headers, this.#kongRequestId, this.#elapsedMs());
    this.#client.answer({ ...own, headers: complete });
  }

  #elapsedMs(): number {
    return Math.round(this.#options.now() - this.#startedAt);
  }

  get #isUpgrade(): boolean {
    return this.#client.canUpgrade && wantsWebSocket(this.#clientHeaders);
  }

  get #errorContext(): ErrorContext {
    const accept = this.#clientHeaders.all('Accept');
    return {
      kongRequestId: this.#kongRequestId,
      accept: accept.length === 0 ? undefined : accept.join(','),
      contentType: this.#clientHeaders.first('Content-Type'),
    };
  }
}

/** kong/runloop/handler.lua keeps the question mark of an empty query. */
function query(request: GatewayRequest): string {
  return request.query !== '' || request.target.endsWith('?') ? `?${request.query}` : '';
}

/** nginx's `$host`. */
function hostName(header: string | undefined): string {
  return (header ?? '').replace(/\.?(?::\d*)?$/, '').toLowerCase();
}

function httpsOnly(
  { route }: Match,
  host: string,
  target: string,
  context: ErrorContext,
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

function failureAnswer(reason: UpstreamFailure, context: ErrorContext): Answer {
  if (reason === 'unresolved') return errorAnswer(503, context, 'name resolution failed');
  return nginxErrorAnswer(reason === 'timed out' ? 504 : 502, context);
}

/** The whole body, as nginx reads it before it calls upstream (`proxy_request_buffering on`). */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const { headers } = incoming;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
