import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connectCounting,
  EMPTY,
  eventually,
  startBridge,
  type Caller,
  type CountingClient,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'evil', user: 'eve' };
const FRAME = 'x'.repeat(60_000);

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

function urlOf(id: string): string {
  return `${bridge.url}/ws/bi/dashboards/${id}`;
}

/**
 * Opens a dashboard. Nobody looks for its state any more: a frame that comes meanwhile has two listeners, and its ring keeps it
 * in one block with others.
 */
async function open(caller: Caller, id: string): Promise<CountingClient> {
  const client = await connectCounting(urlOf(id), caller);
  await eventually(() => bridge.bridge.openState().states === 0);
  return client;
}

/** Leaves a stream behind that has one frame. @returns the point before it */
async function leaveFrame(caller: Caller, id: string): Promise<string> {
  const { connections } = bridge.bridge.openState();
  const client = await open(caller, id);
  const { point } = client;
  await redis.publish(`${caller.tenant}:dashboard:refresh:${id}`, FRAME);
  expect(await client.next()).toBe(FRAME);
  await client.client.cut();
  await eventually(() => bridge.bridge.openState().connections === connections);
  return point;
}

/** Comes back with a point. @returns the frame, or the reason of the gap */
async function comeBack(caller: Caller, id: string, point: string): Promise<string> {
  const client = await connectCounting(urlOf(id), caller, point);
  const frame = await client.next();
  await client.client.close();
  if (typeof frame === 'string') return frame;
  return frame.type === 'bridge.gap' ? `gap: ${frame.data.reason}` : frame.type;
}

async function evictions(): Promise<readonly string[]> {
  const text = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  return text.split('\n').filter((line) => /^ws_bridge_ring_evictions_total.* [1-9]/.test(line));
}

describe('a tenant whose streams keep more than its share, with nobody on them', () => {
  it('loses the frames of those that were left first, whose clients are told so, and no other tenant’s', async () => {
    bridge = await startBridge(server.url, { BRIDGE_RING_TENANT_BYTES: '200000' });
    const evil = await leaveFrame(EVE, 'd');
    const points: string[] = [];
    for (let id = 0; id < 5; id += 1) points.push(await leaveFrame(ALICE, `d${id}`));
    expect(bridge.bridge.openState().ringBytes).toBeLessThan(270_000);
    expect(await evictions()).toEqual([
      'ws_bridge_ring_evictions_total{bound="tenant",streams="lingering"} 2',
    ]);
    const got: string[] = [];
    for (const [id, point] of points.entries()) got.push(await comeBack(ALICE, `d${id}`, point));
    expect(got).toEqual(['gap: expired', 'gap: expired', FRAME, FRAME, FRAME]);
    expect(await comeBack(EVE, 'd', evil)).toBe(FRAME);
  });
});

describe('a bridge whose streams keep more than they may together', () => {
  it('takes what lingers of every tenant before the oldest frames of those with sockets', async () => {
    bridge = await startBridge(server.url, { BRIDGE_RING_TOTAL_BYTES: '200000' });
    const evil = await leaveFrame(EVE, 'd');
    const alice = await open(ALICE, 'open');
    const points: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      points.push(alice.point);
      await redis.publish('acme:dashboard:refresh:open', FRAME);
      expect(await alice.next()).toBe(FRAME);
    }
    expect(await evictions()).toEqual([
      'ws_bridge_ring_evictions_total{bound="total",streams="lingering"} 1',
      'ws_bridge_ring_evictions_total{bound="total",streams="open"} 1',
    ]);
    expect(await comeBack(EVE, 'd', evil)).toBe('gap: expired');
    expect(await comeBack(ALICE, 'open', points[0] ?? '')).toBe('gap: expired');
    expect(await comeBack(ALICE, 'open', points[1] ?? '')).toBe(FRAME);
    await alice.client.close();
  });

  it('has it all back when nobody came for it in time', async () => {
    bridge = await startBridge(server.url, { BRIDGE_LINGER_MS: '300' });
    await leaveFrame(ALICE, 'd');
    await eventually(() => bridge.bridge.openState().ringBytes === 0);
    expect(bridge.bridge.openState()).toMatchObject({ streams: 0, ringTenants: 0 });
  });
});
