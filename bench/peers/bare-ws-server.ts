import { createServer, type IncomingMessage } from 'node:http';
import { jwtVerify } from 'jose';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import {
  ASSERTION_AUDIENCE,
  ASSERTION_CLOCK_TOLERANCE_SECONDS,
  ASSERTION_ISSUER,
  ASSERTION_TYPE,
  verifyAssertion,
} from '../../protocol/assertion';
import { importSecret } from '../../protocol/keys';

type Verify = (assertion: string) => Promise<unknown>;

void main();

async function main(): Promise<void> {
  const secret = process.env['ASSERTION_SECRET'] ?? '';
  const verify = process.env['VERIFIER'] === 'jose' ? withJose(secret) : await asTheBridge(secret);
  const webSockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    void upgrade(webSockets, verify, request, socket, head);
  });
  // As many as the bridge lets wait.
  server.listen({ port: Number(process.env['PORT']), host: '127.0.0.1', backlog: 4096 });
}

function withJose(secret: string): Verify {
  const key = new TextEncoder().encode(secret);
  return (assertion) =>
    jwtVerify(assertion, key, {
      algorithms: ['HS256'],
      issuer: ASSERTION_ISSUER,
      audience: ASSERTION_AUDIENCE,
      typ: ASSERTION_TYPE,
      clockTolerance: ASSERTION_CLOCK_TOLERANCE_SECONDS,
    });
}

async function asTheBridge(secret: string): Promise<Verify> {
  const key = await importSecret(secret, 'HS256');
  return (assertion) => verifyAssertion(assertion, [key], Date.now() / 1000);
}

async function upgrade(
  webSockets: WebSocketServer,
  verify: Verify,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  try {
    await verify(String(request.headers['x-gateway-assertion']));
  } catch {
    socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
    return;
  }
  webSockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on('error', () => undefined);
  });
}
