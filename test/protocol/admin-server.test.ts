import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { adminTimeouts, boundAdminServer } from '../../protocol/admin-server';

const reasons: string[] = [];
/** One that cuts soon, and one whose time is never up. */
const [hasty, server] = [adminServer(300), adminServer(60_000)];

function adminServer(timeoutMs: number): Server {
  const made = createServer(adminTimeouts(timeoutMs), (_request, response) => response.end('ok'));
  boundAdminServer(made, { maxConnections: 2, timeoutMs, onRefused: (reason) => reasons.push(reason) });
  return made;
}

beforeAll(async () => {
  for (const one of [hasty, server]) {
    one.listen(0, '127.0.0.1');
    await once(one, 'listening');
  }
});
beforeEach(() => {
  reasons.length = 0;
});
afterAll(() => {
  for (const one of [hasty, server]) one.close();
});

function open(to = server): Socket {
  const socket = connect((to.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  return socket;
}

/** All that is answered until the connection ends. */
async function answerTo(socket: Socket, text: string): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

describe('an admin port', () => {
  it('cuts a request that is not finished in time, and says so', async () => {
    expect(await answerTo(open(hasty), 'GET /metrics HTTP/1.1\r\nHost:')).toMatch(/^HTTP\/1\.1 408 /);
    expect(reasons).toEqual(['ERR_HTTP_REQUEST_TIMEOUT']);
  });

  it.each([
    ['431', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 'HPE_HEADER_OVERFLOW'],
    ['400', 'hello\r\n\r\n', 'HPE_INVALID_METHOD'],
  ])('answers %s to what cannot be read, and says why', async (status, text, reason) => {
    expect(await answerTo(open(), text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(reasons).toEqual([reason]);
  });

  it('looks for late requests often enough to cut one a second late at most', () => {
    expect(adminTimeouts(300).connectionsCheckingInterval).toBe(300);
    expect(adminTimeouts(5_000).connectionsCheckingInterval).toBe(1_000);
  });

  it.each([
    ['reset its connection', { code: 'ECONNRESET' }, true],
    ['takes no answer any more', { code: 'HPE_INVALID_METHOD' }, false],
  ])('answers nothing to a client that %s, and closes', (_, error, writable) => {
    const socket = new PassThrough();
    const end = jest.spyOn(socket, 'end');
    if (!writable) Object.defineProperty(socket, 'writable', { value: false });
    server.emit('clientError', error, socket);
    expect([socket.destroyed, end.mock.calls, reasons]).toEqual([true, [], []]);
  });

  it('bears a client that goes while it is answered, and lets go of it once it is', async () => {
    const socket = new PassThrough();
    server.emit('clientError', {}, socket);
    expect(reasons).toEqual(['unknown']);
    socket.emit('error', new Error('EPIPE'));
    await once(socket, 'close');
    expect(String(socket.read())).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('has no more connections than it may', async () => {
    const held = [open(), open()];
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    await once(open(), 'close');
    expect(reasons).toContain('too many connections');
    for (const socket of held) socket.destroy();
  });
});
