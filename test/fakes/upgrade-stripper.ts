import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A proxy that takes the upgrade out of requests, as some proxies and virus scanners do, until it is told to let it pass. */
export class UpgradeStripper {
  strips = true;
  /** How many WebSockets it let pass. */
  passed = 0;
  /** How many upgrades it took out. */
  stripped = 0;
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Duplex>();

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((incoming, response) => {
      const outgoing = this.#forward(incoming, incoming.headers);
      outgoing.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.on('close', () => response.end());
      });
      outgoing.on('error', () => response.destroy());
      response.on('close', () => outgoing.destroy());
      incoming.pipe(outgoing);
    });
    this.#server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (this.strips) this.#strip(incoming, socket);
      else this.#pass(incoming, socket, head);
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param target ws://… of the gateway */
  static async start(target: string): Promise<UpgradeStripper> {
    const proxy = new UpgradeStripper(new URL(target));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** ws://… of the proxy. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  /** A page that was loaded from the proxy is for its target one of its own. */
  #forward({ method, url: path }: IncomingMessage, headers: IncomingMessage['headers']) {
    const { hostname, host, port } = this.#target;
    const own = { ...headers, host, ...(headers.origin !== undefined && { origin: `http://${host}` }) };
    return request({ host: hostname, port, method, path, headers: own });
  }

  #strip(incoming: IncomingMessage, socket: Duplex): void {
    this.stripped += 1;
    const headers = Object.entries(incoming.headers).filter(([name]) => name !== 'upgrade');
    const outgoing = this.#forward(incoming, { ...Object.fromEntries(headers), connection: 'close' });
    outgoing.on('response', ({ statusCode, statusMessage }) => {
      socket.end(`HTTP/1.1 ${statusCode} ${statusMessage}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
    outgoing.on('error', () => socket.destroy());
    outgoing.end();
  }

  #pass({ method, url, rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.passed += 1;
    const { hostname, host, port } = this.#target;
    const through: Socket = connect(Number(port), hostname);
    const own: Readonly<Record<string, string>> = { host, origin: `http://${host}` };
    const lines = rawHeaders
      .map((text, i) =>
        i % 2 === 0 ? `${text}: ` : `${own[rawHeaders[i - 1]?.toLowerCase() ?? ''] ?? text}\r\n`,
      )
      .join('');
    through.write(`${method} ${url} HTTP/1.1\r\n${lines}\r\n`);
    through.write(head);
    through.pipe(socket).pipe(through);
    for (const end of [through, socket]) {
      end.on('error', () => undefined);
      end.on('close', () => {
        through.destroy();
        socket.destroy();
      });
    }
  }
}
