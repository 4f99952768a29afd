import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** A real upstream: an HTTP server that answers 200, with a real WebSocket server that echoes. */
export class Upstream {
  /** Every request that got here, upgrade or not. */
  readonly requests: IncomingMessage[] = [];
  readonly sockets: WebSocket[] = [];
  readonly server: Server;
  readonly webSockets: WebSocketServer;

  private constructor() {
    this.server = createServer((request, response) => {
      this.requests.push(request);
      response.setHeader('Content-Type', 'text/plain');
      request.pipe(response);
    });
    this.webSockets = new WebSocketServer({ server: this.server });
    this.webSockets.on('connection', (socket, request) => {
      this.requests.push(request);
      this.sockets.push(socket);
      socket.on('message', (data, isBinary) => {
        socket.send(data as Buffer, { binary: isBinary });
      });
    });
  }

  static async start(): Promise<Upstream> {
    const upstream = new Upstream();
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The last request that got here. */
  get last(): IncomingMessage {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('nothing came upstream');
    return request;
  }

  async stop(): Promise<void> {
    for (const socket of this.webSockets.clients) socket.terminate();
    this.server.closeAllConnections();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }
}
