import assert from 'node:assert/strict';
import { jest } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publisher, type Publish } from '../../../sidecar/redis/publish';
import { startRedisCluster, type RedisCluster } from '../../fakes/redis-cluster';
import { connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const ROUTES = [
  {
    name: 'notifications',
    path: '/ws/notifications',
    channels: ['{{tenant}}:notifications', '{{tenant}}:notifications:{user}'],
    messages: 'refuse',
  },
];

jest.setTimeout(90_000);

let folder: string;
let file: string;
let cluster: RedisCluster;
let publish: Publish;
let bridges: TestBridge[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cluster-handover-'));
  file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify({ routes: ROUTES }));
  cluster = await startRedisCluster({ isSteady: true });
  publish = publisher(cluster.client);
});
beforeEach(() => {
  bridges = [];
});
afterEach(async () => {
  for (const { bridge } of bridges) {
    await bridge.close();
    assert.deepEqual(bridge.openState(), EMPTY);
  }
});
afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true });
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<TestBridge> {
  const bridge = await startBridge(cluster.url, env);
  bridges.push(bridge);
  await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
  return bridge;
}

describe('a client of notifications that comes back to another bridge, in a cluster', () => {
  it('gets what it missed when their channels have one hash tag, in their one order', async () => {
    const env = { BRIDGE_ROUTES_FILE: file };
    const [old, young] = [await start(env), await start(env)];
    const first = await connectCounting(`${old.url}/ws/notifications`, ALICE);
    await first.client.cut();
    for (let count = 0; count < 6; count += 2) {
      await publish('{acme}:notifications', `${count}`);
      await publish('{acme}:notifications:alice', `${count + 1}`);
    }
    const second = await connectCounting(`${young.url}/ws/notifications`, ALICE, first.point);
    await publish('{acme}:notifications', 'live');
    expect(second.ready.resumed).toBe(true);
    expect(await second.take(7)).toEqual(['0', '1', '2', '3', '4', '5', 'live']);
    await second.client.cut();
  });

  it('is told of a gap where they are in two slots, which have no one order', async () => {
    const [old, young] = [await start(), await start()];
    const first = await connectCounting(`${old.url}/ws/notifications`, ALICE);
    await first.client.cut();
    const second = await connectCounting(`${young.url}/ws/notifications`, ALICE, first.point);
    expect(second.ready.resumed).toBe(false);
    expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
    await second.client.cut();
  });
});
