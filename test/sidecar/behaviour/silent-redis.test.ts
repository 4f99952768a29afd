import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, connect, connectCounting, eventually, headersFor, startBridge, EMPTY } from '../fixture';
import { startRedisProxy, type RedisProxy } from '../redis-proxy';

const ALICE = { tenant: 'acme', user: 'alice' };
/** Longer than a busy machine keeps this process, or a Redis that answers, from going on. */
const TIMEOUT_MS = 3000;
/** No probe comes to help. */
const ENV = {
  BRIDGE_REDIS_TIMEOUT_MS: `${TIMEOUT_MS}`,
  BRIDGE_PROBE_INTERVAL_MS: '600000',
  BRIDGE_PROBE_TIMEOUT_MS: '600000',
};

let redis: RedisServer;
let proxy: RedisProxy;
let admin: Redis;

beforeEach(async () => {
  redis = await startRedis();
  proxy = await startRedisProxy(redis.port);
  admin = new Redis(redis.url);
});
afterEach(async () => {
  admin.disconnect();
  proxy.close();
  await redis.stop();
});

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('a connection to Redis that goes silent without a word', () => {
  it('is opened anew within seconds when commands go over it, readyz tells, and the log says why', async () => {
    const bridge = await startBridge(proxy.url, ENV);
    const readyz = async (): Promise<number> => (await fetch(`${bridge.adminUrl}/readyz`)).status;
    await eventually(async () => (await readyz()) === 200);
    expect(proxy.freeze('ws-bridge:commands')).toBe(1);
    const refused = await askUpgrade(`${bridge.url}/ws/notifications`, await headersFor(ALICE));
    expect(refused).toMatchObject({ status: 503, body: '{"message":"Redis is unreachable"}' });
    await eventually(async () => {
      const answer = await askUpgrade(`${bridge.url}/ws/notifications`, await headersFor(ALICE));
      return answer.status === 101;
    });
    const lost = bridge.logLines.filter((line) => line.includes('redis connection lost'));
    expect(lost).toHaveLength(1);
    expect(lost[0]).toContain(`it did not answer for ${TIMEOUT_MS} ms`);
    await bridge.bridge.close();
    assert.deepEqual(bridge.bridge.openState(), EMPTY);
  });

  it('is opened anew though nobody asks anything: it is asked by itself', async () => {
    const bridge = await startBridge(proxy.url, ENV);
    const ready = (): number =>
      bridge.logLines.filter((line) => /"connection":"commands".*connection ready/.test(line)).length;
    expect([ready(), proxy.freeze('ws-bridge:commands')]).toEqual([1, 1]);
    await eventually(() => ready() === 2);
    await bridge.bridge.close();
  });

  it('is opened anew when it carries subscriptions, and a bridge.v1 client is told of the gap', async () => {
    const bridge = await startBridge(proxy.url, ENV);
    const client = await connectCounting(`${bridge.url}/ws/notifications`, ALICE);
    expect(proxy.freeze('ws-bridge:subscriber')).toBe(1);
    await admin.publish('acme:notifications', 'lost');
    expect(await client.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'redis' } });
    await eventually(async () => (await admin.publish('acme:notifications', 'back')) > 0);
    expect(await client.next()).toBe('back');
    await client.client.close();
    await bridge.bridge.close();
  });
});

describe('a connection to Redis that is not silent', () => {
  it('stays when the bridge itself was busy for longer than the timeout', async () => {
    const bridge = await startBridge(proxy.url, ENV);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    const { made } = proxy;
    for (let round = 0; round < 2; round += 1) {
      const asked = askUpgrade(`${bridge.url}/ws/notifications`, await headersFor(ALICE));
      block(TIMEOUT_MS + 500);
      await asked;
    }
    expect(proxy.made).toBe(made);
    await client.close();
    await bridge.bridge.close();
  });

  it('is not stormed with new connections when Redis is stopped for a while', async () => {
    const bridge = await startBridge(proxy.url, { BRIDGE_REDIS_TIMEOUT_MS: '1000' });
    const { made } = proxy;
    const begunMs = performance.now();
    process.kill(redis.pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 6000));
    process.kill(redis.pid, 'SIGCONT');
    // Two connections, each given up once and then tried once a timeout or more.
    const timeouts = (performance.now() - begunMs) / 1000;
    expect(proxy.made - made).toBeLessThanOrEqual(2 * Math.ceil(timeouts + 1));
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    await bridge.bridge.close();
  });
});
