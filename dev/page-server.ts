import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import type { DemoAction } from './demo/actions';

/** How the page is served. */
export interface PageOptions {
  /** The page as `npm run build:page` made it. */
  readonly folder: string;
  /** The Hosts under which it may be asked for, `127.0.0.1:8000`; requests from pages of any other are refused. */
  readonly hosts: readonly string[];
  readonly actions: ReadonlyMap<string, DemoAction>;
}

const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/demo/main.js': { file: 'main.js', type: 'text/javascript; charset=utf-8' },
  '/demo/style.css': { file: 'style.css', type: 'text/css; charset=utf-8' },
  '/demo/icon.svg': { file: 'icon.svg', type: 'image/svg+xml' },
};

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

/** Everything from here alone; not every browser takes 'self' to mean WebSockets as well. */
function contentSecurityPolicy(host: string): string {
  return [
    "default-src 'self'",
    `connect-src 'self' ws://${host} wss://${host}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Largest body of a request, in bytes. */
const MAX_BODY_BYTES = 8_192;

/** Why a request is not served. */
class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Serves the demo page and what its buttons ask for, on a free port of 127.0.0.1. */
export class PageServer {
  readonly #server: Server;

  private constructor(options: PageOptions) {
    const bodies = new Map(
      Object.entries(FILES).map(([path, { file }]) => [path, readFileSync(join(options.folder, file))]),
    );
    this.#server = createServer((request, response) => {
      answer(request, options, bodies).then(
        (served) => {
          send(response, served, request.headers.host);
        },
        (cause: unknown) => {
          const [status, message] = failure(cause);
          send(response, { status, type: 'application/json', body: JSON.stringify({ message }) });
        },
      );
    });
  }

  static async start(options: PageOptions): Promise<PageServer> {
    const server = new PageServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body?: string | Buffer;
}

async function answer(
  request: IncomingMessage,
  { hosts, actions }: PageOptions,
  bodies: ReadonlyMap<string, Buffer>,
): Promise<Answer> {
  const { method = '', headers } = request;
  // Another name that leads here is another page's (DNS rebinding).
  if (!hosts.includes(headers.host ?? '')) throw new Refused(403, 'the page is not served under this Host');
  const url = new URL(request.url ?? '/', 'http://page');
  const body = bodies.get(url.pathname);
  if (body !== undefined) {
    if (method !== 'GET' && method !== 'HEAD') throw new Refused(405, 'expected GET');
    return { status: 200, type: FILES[url.pathname]?.type ?? '', body };
  }
  const action = actions.get(url.pathname);
  if (action === undefined) throw new Refused(404, 'there is nothing here');
  if (method !== action.method) throw new Refused(405, `expected ${action.method}`);
  if (method === 'POST') requireOwnPage(request, hosts);
  const input = method === 'GET' ? Object.fromEntries(url.searchParams) : await readJson(request);
  const text = await action.run(input);
  return text === undefined
    ? { status: 204 }
    : { status: 200, type: 'text/plain; charset=utf-8', body: text };
}

/** Only the page itself may press the buttons (cross-site request forgery). */
function requireOwnPage({ headers }: IncomingMessage, hosts: readonly string[]): void {
  const { origin = '' } = headers;
  if (!hosts.some((host) => origin === `http://${host}`))
    throw new Refused(403, 'expected the page as Origin');
  if (headers['content-type'] !== 'application/json') throw new Refused(415, 'expected application/json');
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Refused(413, `expected at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Refused(400, 'expected JSON');
  }
}

function failure(cause: unknown): [status: number, message: string] {
  if (cause instanceof Refused) return [cause.status, cause.message];
  if (cause instanceof z.ZodError) return [400, z.prettifyError(cause)];
  return [500, cause instanceof Error ? cause.message : String(cause)];
}

function send(response: ServerResponse, { status, type, body = '' }: Answer, host?: string): void {
  response.writeHead(status, {
    ...HEADERS,
    ...(host === undefined ? {} : { 'Content-Security-Policy': contentSecurityPolicy(host) }),
    ...(type === undefined ? {} : { 'Content-Type': type }),
    ...(status === 204 ? {} : { 'Content-Length': Buffer.byteLength(body) }),
  });
  response.end(body);
}
