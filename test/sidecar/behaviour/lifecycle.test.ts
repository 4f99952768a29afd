import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { createServer, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connect,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  startUpgrade,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };

let redis: RedisServer;
let bridge: TestBridge;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});
afterEach(async () => {
  await bridge.bridge.close();
});

describe('a bridge', () => {
  it('closes a socket whose message is too large with 1009, and takes one that just fits', async () => {
    bridge = await startBridge(redis.url, { BRIDGE_MAX_FRAME_BYTES: '1000' });
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    client.socket.send('x'.repeat(1000));
    expect(await client.nextJson()).toMatchObject({ data: { code: 'READ_ONLY' } });
    client.socket.send('x'.repeat(1001));
    expect(await client.closed).toBe(1009);
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });

  it('takes 4 KiB where it takes no messages, unless it takes less elsewhere, and a larger one closes the socket with 1009', async () => {
    bridge = await startBridge(redis.url);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    client.socket.send('x'.repeat(4096));
    expect(await client.nextJson()).toMatchObject({ data: { code: 'READ_ONLY' } });
    client.socket.send('x'.repeat(4097));
    expect(await client.closed).toBe(1009);
    const [peer, other] = [
      await connect(`${bridge.url}/ws/collaboration/d`, ALICE),
      await connect(`${bridge.url}/ws/collaboration/d`, ALICE),
    ];
    peer.socket.send('x'.repeat(4097));
    expect(await other.nextText()).toHaveLength(4097);
    await Promise.all([peer.close(), other.close()]);
  });

  it('cuts a socket that does not finish a message in time, whatever else it sends, and keeps those that do', async () => {
    let now = Date.now();
    bridge = await startBridge(redis.url, {}, () => now);
    const url = `${bridge.url}/ws/collaboration/d`;
    const [slow, quick] = [await connect(url, ALICE), await connect(url, ALICE)];
    slow.socket.send('begun', { fin: false });
    slow.socket.ping();
    await once(slow.socket, 'pong');
    expect(bridge.bridge.openState().deadlines).toBe(3);
    quick.socket.send('one', { fin: false });
    quick.socket.send(' whole');
    expect(await slow.nextText()).toBe('one whole');
    now += 29_000;
    slow.socket.ping();
    await once(slow.socket, 'pong');
    now += 1250;
    expect(await slow.closed).toBe(1006);
    await eventually(() => bridge.bridge.openState().connections === 1);
    expect(quick.socket.readyState).toBe(WebSocket.OPEN);
    await quick.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });

  it('cuts a socket that does not answer its pings, and keeps one that does', async () => {
    bridge = await startBridge(redis.url, { BRIDGE_PING_INTERVAL_MS: '1000' });
    const url = `${bridge.url}/ws/notifications`;
    const answering = await connect(url, ALICE);
    let pings = 0;
    answering.socket.on('ping', () => (pings += 1));
    const silent = new WebSocket(url, { headers: await headersFor(ALICE), autoPong: false });
    silent.on('error', () => undefined);
    const [code] = (await once(silent, 'close')) as [number];
    expect(code).toBe(1006);
    await eventually(() => pings >= 2);
    expect(answering.socket.readyState).toBe(WebSocket.OPEN);
    await eventually(() => bridge.bridge.openState().connections === 1);
    expect(bridge.bridge.openState().heartbeats).toBe(1);
    await answering.close();
  });

  it('that closes says 1012 to every socket and leaves nothing open', async () => {
    bridge = await startBridge(redis.url);
    const clients = await Promise.all([
      connect(`${bridge.url}/ws/notifications`, ALICE),
      connect(`${bridge.url}/ws/ai/chat`, ALICE),
    ]);
    await bridge.bridge.close();
    expect(await Promise.all(clients.map((client) => client.closed))).toEqual([1012, 1012]);
    expect(bridge.bridge.openState()).toEqual(EMPTY);
    await expect(connect(`${bridge.url}/ws/notifications`, ALICE)).rejects.toThrow('ECONNREFUSED');
  });

  it('that closes does not wait for a client that never answers', async () => {
    bridge = await startBridge(redis.url);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    client.socket.pause();
    await bridge.bridge.close();
    expect(bridge.bridge.openState()).toEqual(EMPTY);
    client.socket.terminate();
  });

  it('survives clients that reset in the middle of their handshake', async () => {
    bridge = await startBridge(redis.url);
    for (let round = 0; round < 50; round += 1) {
      const asked = startUpgrade(`${bridge.url}/ws/notifications`, await headersFor(ALICE));
      asked.on('upgrade', (_, socket) => socket.destroy());
      const socket = await new Promise<Socket>((resolve) => asked.once('socket', resolve));
      if (socket.connecting) await once(socket, 'connect');
      if (round % 2 === 0) await setImmediate();
      socket.resetAndDestroy();
    }
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await client.close();
    await eventually(() => Object.values(bridge.bridge.openState()).every((count) => count === 0));
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });

  it('does not start on a port that is taken, and holds nothing then', async () => {
    bridge = await startBridge(redis.url);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(startBridge(redis.url, { BRIDGE_PORT: `${port}` })).rejects.toThrow('EADDRINUSE');
    taken.close();
  });

  it('does not read on from a socket whose messages are still on their way to Redis', async () => {
    const env = {
      BRIDGE_MAX_PENDING_MESSAGES: '1',
      // More than the sockets of this machine keep by themselves, so that what is not read stays with its sender.
      BRIDGE_MAX_RELAY_BYTES: '1048576',
      BRIDGE_RELAY_BYTES_PER_SECOND: '0',
      BRIDGE_USER_RELAY_BYTES_PER_SECOND: '0',
      BRIDGE_TENANT_RELAY_BYTES_PER_SECOND: '0',
      BRIDGE_MAX_BUFFER_BYTES: '67108864',
      // While Redis is stopped nothing may give up on it, however slow the machine.
      BRIDGE_REDIS_TIMEOUT_MS: '60000',
    };
    bridge = await startBridge(redis.url, env);
    const client = await connect(`${bridge.url}/ws/collaboration/d`, ALICE);
    const peer = await connect(`${bridge.url}/ws/collaboration/d`, ALICE);
    process.kill(redis.pid, 'SIGSTOP');
    try {
      const mebibyte = Buffer.alloc(1024 * 1024);
      for (let count = 0; count < 30; count += 1) client.socket.send(mebibyte);
      await eventually(async () => (await received('collaboration')) >= 1);
      // Time enough for the rest to be read, if anything read: 200 turns of the event loop that both are on.
      for (let turn = 0; turn < 200; turn += 1) await setImmediate();
      expect(await received('collaboration')).toBe(1);
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    for (let count = 0; count < 30; count += 1) expect((await peer.next()).data.length).toBe(1024 * 1024);
    await Promise.all([client.close(), peer.close()]);
  }, 90_000);
});

async function received(route: string): Promise<number> {
  const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  const line = new RegExp(`^ws_bridge_messages_received_total\\{route="${route}"\\} (\\d+)$`, 'm');
  return Number(line.exec(metrics)?.[1] ?? 0);
}

describe('the admin port', () => {
  it('tells liveness, readiness and metrics, and nothing else', async () => {
    bridge = await startBridge(redis.url);
    const client = await connect(`${bridge.url}/ws/bi/dashboards/d1`, ALICE);
    client.socket.send('x');
    await client.next();
    const get = async (path: string, method = 'GET') => fetch(`${bridge.adminUrl}${path}`, { method });
    expect((await get('/livez')).status).toBe(200);
    await eventually(async () => (await get('/readyz')).status === 200);
    expect(await (await get('/readyz')).json()).toEqual({
      status: 'ok',
      ready: {
        redisCommands: true,
        redisSubscriber: true,
        redisRelays: true,
        delivery: true,
        accepting: true,
      },
    });
    expect((await get('/')).status).toBe(404);
    expect((await get('/livez', 'POST')).status).toBe(405);
    const metrics = await (await get('/metrics')).text();
    expect(metrics.split('\n')).toEqual(
      expect.arrayContaining([
        'ws_bridge_connections{route="dashboard",transport="websocket"} 1',
        'ws_bridge_upgrades_total{route="dashboard",transport="websocket",outcome="admitted"} 1',
        'ws_bridge_messages_received_total{route="dashboard"} 1',
        'ws_bridge_frames_sent_total{route="dashboard"} 0',
        'ws_bridge_subscriptions 1',
      ]),
    );
    expect(metrics).toContain('process_cpu_seconds_total');
    await client.close();
  });
});
