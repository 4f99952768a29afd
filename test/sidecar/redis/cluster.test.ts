import assert from 'node:assert/strict';
import { startRedisCluster, type RedisCluster } from '../../fakes/redis-cluster';
import { connect, connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };

let cluster: RedisCluster;
let bridge: TestBridge;

beforeAll(async () => {
  cluster = await startRedisCluster();
}, 60_000);
afterAll(async () => {
  await cluster.stop();
});
beforeEach(async () => {
  bridge = await startBridge(cluster.url, {
    BRIDGE_REDIS_TIMEOUT_MS: '2000',
    BRIDGE_PROBE_INTERVAL_MS: '500',
    BRIDGE_PROBE_TIMEOUT_MS: '2000',
    BRIDGE_RING_MAX_FRAMES: '100000',
  });
  await eventually(ready);
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
});

async function ready(): Promise<boolean> {
  return (await fetch(`${bridge.adminUrl}/readyz`)).status === 200;
}

describe('a bridge on a cluster', () => {
  it('relays', async () => {
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    const inbox = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await cluster.client.spublish('ai:stream:s1', 'a');
    await cluster.client.spublish('acme:notifications', 'b');
    await cluster.client.spublish('acme:notifications:alice', 'c');
    expect([await chat.next(), await inbox.nextText(), await inbox.nextText()]).toEqual(['a', 'b', 'c']);
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    expect(await cluster.client.xlen('ai:commands')).toBe(1);
  });
});
