import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { verifyAssertion } from '../../protocol/assertion';
import { importSecret, type FittedKey } from '../../protocol/keys';

void main();

async function main(): Promise<void> {
  const key = await importSecret(process.env['ASSERTION_SECRET'] ?? '', 'HS256');
  const webSockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    void upgrade(webSockets, key, request, socket, head);
  });
  // As many as the bridge lets wait.
  server.listen({ port: Number(process.env['PORT']), host: '127.0.0.1', backlog: 4096 });
}

async function upgrade(
  webSockets: WebSocketServer,
  key: FittedKey,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  try {
    await verifyAssertion(String(request.headers['x-gateway-assertion']), [key], Date.now() / 1000);
  } catch {
    socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
    return;
  }
  webSockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on('error', () => undefined);
  });
}
