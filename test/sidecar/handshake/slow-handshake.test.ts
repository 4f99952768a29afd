import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { EMPTY, HANDSHAKE, headersFor, startBridge, type TestBridge } from '../fixture';

/** Longer than a handshake takes on a slow machine. */
const TIMEOUT_MS = 2500;

let redis: RedisServer;
let bridge: TestBridge;

beforeAll(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url, { BRIDGE_HANDSHAKE_TIMEOUT_MS: `${TIMEOUT_MS}` });
});
afterAll(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  await redis.stop();
});

async function openSocket(): Promise<Socket> {
  const socket = connectTcp(Number(new URL(bridge.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the bridge has cut the socket, with what it said. */
async function cut(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

async function head(): Promise<string> {
  const fields = Object.entries({
    Host: 'a',
    ...HANDSHAKE,
    ...(await headersFor({ tenant: 't', user: 'u' })),
  });
  return ['GET /ws/notifications HTTP/1.1', ...fields.map(([name, value]) => `${name}: ${value}`)].join(
    '\r\n',
  );
}

describe('a connection', () => {
  it('on which nothing is ever sent is cut, and not before the time is up', async () => {
    // The bridge may take it before its client knows.
    const from = performance.now();
    expect(await cut(await openSocket())).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(performance.now() - from).toBeGreaterThanOrEqual(TIMEOUT_MS * 0.9);
  });

  it('whose request comes byte by byte is cut in the middle', async () => {
    const socket = await openSocket();
    const text = await head();
    let sent = 0;
    const drip = setInterval(() => {
      if (socket.writable && sent < text.length) socket.write(text[sent++] ?? '');
    }, 50);
    const said = await cut(socket);
    clearInterval(drip);
    expect(said).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(sent).toBeLessThan(text.length);
  });

  it('whose request lacks only its last line is cut', async () => {
    const socket = await openSocket();
    socket.write(`${await head()}\r\n`);
    expect(await cut(socket)).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  it('that is open as a WebSocket is not', async () => {
    const socket = await openSocket();
    socket.write(`${await head()}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
    // Another, opened after it, is cut meanwhile.
    await cut(await openSocket());
    expect(socket.readyState).toBe('open');
    expect(bridge.bridge.openState().connections).toBe(1);
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
  });
});
