import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One question as it arrived. */
export interface Arrived {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** How a question is answered. */
export type Respond = (response: ServerResponse, arrived: Arrived) => void;

/** An authorization service over real HTTP, which answers as a spec says. */
export class AuthorizationServer {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #sockets = new Set<Socket>();
  readonly #waiting: (() => void)[] = [];
  respond: Respond = saying(true);
  readonly arrived: Arrived[] = [];
  /** How many connections there were. */
  connections = 0;

  /** @param port that it had before, or any */
  async start(port = 0): Promise<this> {
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#wake();
      });
    });
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1/data/ws/decision`;
  }

  /** Resolves once so many questions arrived, ever. */
  async hasArrived(count: number): Promise<void> {
    while (this.arrived.length < count) await this.#news();
  }

  /** Resolves once no more connections than these are open. */
  async hasOpen(most: number): Promise<void> {
    while (this.#sockets.size > most) await this.#news();
  }

  /** Resets every open connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const arrived = { path: request.url ?? '', headers: request.headers, body };
    this.arrived.push(arrived);
    this.#wake();
    this.respond(response, arrived);
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Says this as JSON. */
export function saying(value: unknown, status = 200): Respond {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
}

/** Ways to bring no decision. Each ends at the latest when the other side gives up. */
export const BAD_ANSWERS: readonly [what: string, respond: Respond][] = [
  ['hangs', () => undefined],
  [
    'sends headers and hangs',
    (response) => {
      response.writeHead(200);
      response.flushHeaders();
    },
  ],
  [
    'sends a byte now and then',
    (response) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        clearInterval(timer);
      });
    },
  ],
  ['closes', (response) => response.socket?.destroy()],
  ['resets', (response) => response.socket?.resetAndDestroy()],
  [
    'closes in the middle',
    (response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('true', () => response.socket?.destroy());
    },
  ],
  ['speaks no HTTP', (response) => response.socket?.end('true\r\n\r\n')],
  [
    'has headers without end',
    (response) => response.socket?.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`),
  ],
  ['has 10 MB', (response) => response.end(`{"allow":true,"x":"${'x'.repeat(10_000_000)}"}`)],
  ['announces 10 MB', (response) => response.writeHead(200, { 'content-length': 10_000_000 }).write('true')],
  [
    'never stops',
    (response) => {
      const more = () => {
        while (!response.destroyed && response.write('true '.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    },
  ],
  [
    'has a body of 10 MB beside a status of its own',
    (response) => response.writeHead(500).end('x'.repeat(10_000_000)),
  ],
  ['is not JSON', (response) => response.end('true, mostly')],
  ['is empty', (response) => response.end()],
  ['has no content', (response) => response.writeHead(204).end()],
  ['redirects', (response) => response.writeHead(307, { location: '/allow' }).end('true')],
  ['was moved', (response) => response.writeHead(301, { location: '/allow' }).end('true')],
  ['wants a login', saying(true, 401)],
  ['is not there', saying(true, 404)],
  ['fails', saying(true, 500)],
  ['is overloaded', saying({ allow: true }, 503)],
  ['is limited', saying(true, 429)],
  [
    'switches protocols',
    (response) => response.socket?.write('HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
  ],
  ...[
    null,
    1,
    'true',
    [],
    [true],
    {},
    { result: {} },
    { result: null },
    { result: [true] },
    { result: { result: true } },
  ].map((value): [string, Respond] => [`says ${JSON.stringify(value)}`, saying(value)]),
  ...[
    { allow: 'true' },
    { allow: 1 },
    { allow: null },
    { allow: true, access: 'admin' },
    { allow: true, access: null },
    { allow: true, access: ['read'] },
    { allow: true, result: true },
    { allow: true, result: false },
    { Allow: true },
    { allowed: true },
    { result: 'true' },
    { input: { allow: true } },
  ].map((value): [string, Respond] => [`says ${JSON.stringify(value)}`, saying(value)]),
  ['says that its prototype allows', (response) => response.end('{"__proto__":{"allow":true}}')],
];
