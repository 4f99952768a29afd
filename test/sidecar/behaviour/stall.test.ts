import assert from 'node:assert/strict';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';

/** Longer than a busy machine keeps Redis from its answer. */
const PROBE_TIMEOUT_MS = 1500;
const STALLS = 5;

let redis: RedisServer;
let bridge: TestBridge;

beforeEach(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url, {
    BRIDGE_PROBE_INTERVAL_MS: '5',
    BRIDGE_PROBE_TIMEOUT_MS: `${PROBE_TIMEOUT_MS}`,
  });
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  await redis.stop();
});

async function probesHeard(): Promise<number> {
  const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  return Number(
    /^ws_bridge_delivery_probes_total\{connection="subscriber",outcome="heard"\} (\d+)$/m.exec(
      metrics,
    )?.[1] ?? 0,
  );
}

/** Blocks this process, and the bridge in it, for longer than a probe may take. */
function stall(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PROBE_TIMEOUT_MS + 100);
}

it('a bridge that stalls for longer than a probe may take does not take that for a dead subscription', async () => {
  const client = await connectCounting(`${bridge.url}/ws/notifications`, { tenant: 'acme', user: 'alice' });
  for (let count = 0; count < STALLS; count += 1) {
    const heard = await probesHeard();
    stall();
    await eventually(async () => (await probesHeard()) > heard);
  }
  expect(bridge.logLines.filter((line) => line.includes('not heard'))).toEqual([]);
  expect(client.client.kept).toBe(0);
  await client.client.close();
  await eventually(() => bridge.bridge.openState().connections === 0);
}, 60_000);
