import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { SUBPROTOCOL } from '../../protocol/frames';
import type { FakeBridge, Peer } from './fake-bridge';

/** A bridge on a port of this machine. */
export interface WsServer {
  readonly url: string;
  /** The subprotocols that each upgrade offered, refused ones too. */
  readonly offered: string[];
  /** Answers so many upgrades with 401. */
  refusals: number;
  /** How many requests came that are no upgrade. */
  asked: number;
  /** The answer to them. */
  reason: { readonly status: number; readonly headers: Record<string, string>; readonly body: string };
  /** Resets every connection. */
  reset(): void;
  /** Resolves once no socket is open. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** Serves a bridge over real sockets, as it is behind the gatekeeper, which takes the bearer item away. */
export async function serve(bridge: FakeBridge): Promise<WsServer> {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
  const http = createServer((_, response) => {
    server.asked += 1;
    response.writeHead(server.reason.status, server.reason.headers).end(server.reason.body);
  });
  const server: WsServer = {
    url: '',
    offered: [],
    refusals: 0,
    asked: 0,
    reason: { status: 426, headers: { Upgrade: 'websocket' }, body: '' },
    reset: () => {
      for (const socket of sockets.clients) socket.terminate();
    },
    empty: async () => {
      await Promise.all([...sockets.clients].map((socket) => once(socket, 'close')));
    },
    stop: async () => {
      server.reset();
      http.close();
      await once(http, 'close');
    },
  };
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    server.offered.push(request.headers['sec-websocket-protocol'] ?? '');
    server.refusals -= 1;
    if (server.refusals >= 0) socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    else
      sockets.handleUpgrade(request, socket, head, (accepted) => {
        join(bridge, accepted, request);
      });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return Object.assign(server, { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}` });
}

function join(bridge: FakeBridge, socket: WebSocket, request: IncomingMessage): void {
  const peer: Peer = {
    url: new URL(request.url ?? '', 'ws://bridge.test'),
    protocols: [SUBPROTOCOL],
    send: (message) => {
      socket.send(message);
    },
    close: (code, reason) => {
      socket.close(code, reason);
    },
  };
  socket.on('message', (data: Buffer, binary) => {
    bridge.receive(peer, binary ? data : data.toString('utf8'));
  });
  socket.on('close', () => {
    bridge.leave(peer);
  });
  bridge.accept(peer);
}
