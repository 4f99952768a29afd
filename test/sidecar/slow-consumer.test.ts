import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { connect, EMPTY, eventually, startBridge, type TestBridge } from './fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const CHANNEL = 'acme:dashboard:refresh:d1';
const FRAME = Buffer.alloc(64 * 1024, 'x');

let redisServer: RedisServer;
let redis: Redis;
let bridge: TestBridge;

beforeAll(async () => {
  redisServer = await startRedis();
  redis = new Redis(redisServer.url);
});
afterAll(async () => {
  redis.disconnect();
  await redisServer.stop();
});
afterEach(async () => {
  await bridge.bridge.close();
});

/** More than the kernel's buffers of a connection hold. */
const COUNT = 400;

async function publishMany(): Promise<void> {
  for (let i = 0; i < COUNT; i += 1) await redis.publish(CHANNEL, FRAME);
}

describe('a client that does not take its frames', () => {
  it('is closed with 4408 once more than the limit waits for it, and the others miss nothing', async () => {
    bridge = await startBridge(redisServer.url, { BRIDGE_MAX_BUFFER_BYTES: '262144' });
    const url = `${bridge.url}/ws/bi/dashboards/d1`;
    const slow = await connect(url, ALICE);
    const fast = await connect(url, ALICE);
    let got = 0;
    fast.socket.on('message', () => (got += 1));
    slow.socket.pause();
    await publishMany();
    await eventually(() => got === COUNT);
    // It takes no part in the closing handshake either.
    await eventually(() => bridge.bridge.openState().connections === 1);
    slow.socket.terminate();
    await fast.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  }, 60_000);

  it('gets its close code when it reads again in time', async () => {
    bridge = await startBridge(redisServer.url, { BRIDGE_MAX_BUFFER_BYTES: '262144' });
    const slow = await connect(`${bridge.url}/ws/bi/dashboards/d1`, ALICE);
    slow.socket.pause();
    const metric = async (): Promise<string> => (await fetch(`${bridge.adminUrl}/metrics`)).text();
    await publishMany();
    slow.socket.resume();
    expect(await slow.closed).toBe(4408);
    expect(await metric()).toMatch(/ws_bridge_closes_total\{[^}]*code="4408"[^}]*\} 1/);
  }, 60_000);

  it('is not given up for one message larger than the limit', async () => {
    bridge = await startBridge(redisServer.url, { BRIDGE_MAX_BUFFER_BYTES: '1000' });
    const client = await connect(`${bridge.url}/ws/bi/dashboards/d1`, ALICE);
    await redis.publish(CHANNEL, FRAME);
    expect((await client.next()).data.equals(FRAME)).toBe(true);
    await client.close();
  });
});
