import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connect, connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';

const EVE = { tenant: 'evil', user: 'eve' };
const ALICE = { tenant: 'acme', user: 'alice' };
const FRAME = 'x'.repeat(64 * 1024);
/** More than the kernel's buffers of a connection hold. */
const COUNT = 400;
const TENANT_BYTES = 2 * 1024 * 1024;
const SOCKETS = 6;
/** Each may be over by so many bytes: one frame, and what one write holds. */
const ONE_MORE = 2 * (FRAME.length + 10);

let server: RedisServer;
let redis: Redis;
let bridge: TestBridge;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function metric(pattern: RegExp): Promise<string[]> {
  const text = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  return text.split('\n').filter((line) => pattern.test(line));
}

describe('a tenant whose clients do not read', () => {
  it('has no more waiting for all of them than its share, and another tenant’s slow client misses nothing', async () => {
    bridge = await startBridge(server.url, {
      BRIDGE_BUFFER_TENANT_BYTES: `${TENANT_BYTES}`,
      // Who reads nothing answers no ping.
      BRIDGE_PING_INTERVAL_MS: '600000',
      BRIDGE_RING_MAX_BYTES: `${64 * 1024 * 1024}`,
    });
    const url = `${bridge.url}/ws/notifications`;
    const hoarders = await Promise.all(Array.from({ length: SOCKETS }, () => connect(url, EVE)));
    const slow = await connectCounting(url, ALICE);
    for (const { socket } of hoarders) socket.pause();
    slow.client.socket.pause();
    let most = 0;
    for (let count = 0; count < COUNT; count += 1) {
      await redis.publish('evil:notifications', FRAME);
      most = Math.max(most, bridge.bridge.openState().unsentBytes);
    }
    await eventually(async () => (await metric(/action="closed",bound="tenant"\} [1-9]/)).length > 0);
    expect(most).toBeGreaterThan(TENANT_BYTES / 2);
    expect(most).toBeLessThan(TENANT_BYTES + SOCKETS * ONE_MORE);
    // It waits as well, and within its own limit.
    for (let count = 0; count < 8; count += 1) await redis.publish('acme:notifications', `${count}`);
    slow.client.socket.resume();
    for (let count = 0; count < 8; count += 1) expect(await slow.next()).toBe(`${count}`);
    expect(await metric(/^ws_bridge_max_unsent_bytes 134217728$/)).toHaveLength(1);
    await slow.client.close();
    for (const { socket } of hoarders) socket.terminate();
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(bridge.bridge.openState().unsentBytes).toBe(0);
  }, 60_000);
});
