import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { ControlFrame } from '../../../../protocol/frames';
import { startRedis } from '../../../fakes/redis-server';
import { connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../../fixture';
import { startRedisProxy } from '../../redis-proxy';
import { TOPOLOGIES, type TestRedis } from '../../topologies';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const BOARD = '/ws/bi/dashboards/d';
const CHANNEL = 'acme:dashboard:refresh:d';

let redis: TestRedis;
let old: TestBridge;
let young: TestBridge;

async function publish(...texts: string[]): Promise<void> {
  for (const text of texts) await redis.publish(CHANNEL, text);
}

async function metricsOf({ adminUrl }: TestBridge): Promise<string[]> {
  return (await (await fetch(`${adminUrl}/metrics`)).text()).split('\n');
}

describe.each(TOPOLOGIES)('on %s,', (topology, startTopology) => {
  /** Whether several channels have one order; in a cluster each may be in another slot. */
  const inOneOrder = topology === 'one server';
  beforeAll(async () => {
    redis = await startTopology();
  }, 60_000);
  beforeEach(async () => {
    await redis.flush();
    old = await startBridge(redis.url);
    young = await startBridge(redis.url);
  });
  afterEach(async () => {
    for (const { bridge } of [old, young]) {
      await bridge.close();
      assert.deepEqual(bridge.openState(), EMPTY);
    }
    await eventually(async () => (await redis.clientChannels()).length === 0);
    assert.deepEqual(await redis.keys('ws:handover:*'), []);
  });
  afterAll(async () => {
    await redis.stop();
  });

  describe('a client of bridge.v1 that comes back to another bridge', () => {
    it('gets what it missed from the one it left, in order and once, then what is live', async () => {
      const first = await connectCounting(`${old.url}${BOARD}`, ALICE);
      await publish('1');
      expect(await first.next()).toBe('1');
      await first.client.cut();
      await publish('2', '3');
      const second = await connectCounting(`${young.url}${BOARD}`, ALICE, first.point);
      expect(second.ready.resumed).toBe(true);
      expect(second.ready.epoch).not.toBe(first.ready.epoch);
      await publish('4');
      expect(await second.take(3)).toEqual(['2', '3', '4']);
      expect(await metricsOf(old)).toContain('ws_bridge_handovers_total{side="given",outcome="done"} 1');
      expect(await metricsOf(young)).toEqual(
        expect.arrayContaining([
          'ws_bridge_handovers_total{side="taken",outcome="done"} 1',
          'ws_bridge_resumes_total{route="dashboard",outcome="resumed"} 1',
        ]),
      );
    });

    it('gets text as text and binary as binary, also what begins as a control frame', async () => {
      const first = await connectCounting(`${old.url}${BOARD}`, ALICE);
      await first.client.cut();
      const binary = Buffer.from([0xff, 0x00, 0xc3]);
      await publish('text ü');
      await redis.publish(CHANNEL, binary);
      await publish('{"type":"bridge.ready"}', 'end');
      const second = await connectCounting(`${young.url}${BOARD}`, ALICE, first.point);
      const got = [await second.client.next(), await second.client.next()];
      expect(got).toEqual([
        { data: Buffer.from('text ü'), binary: false },
        { data: binary, binary: true },
      ]);
      expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'reserved' } });
      expect(await second.next()).toBe('end');
    });

    it('may go on from any point of what was handed over, on the new bridge', async () => {
      const first = await connectCounting(`${old.url}${BOARD}`, ALICE);
      await first.client.cut();
      await publish('1', '2', '3');
      const second = await connectCounting(`${young.url}${BOARD}`, ALICE, first.point);
      expect(await second.next()).toBe('1');
      const { point } = second;
      await second.client.cut();
      await publish('4');
      const third = await connectCounting(`${young.url}${BOARD}`, ALICE, point);
      expect(third.ready).toMatchObject({ resumed: true, epoch: second.ready.epoch });
      expect(await third.take(3)).toEqual(['2', '3', '4']);
    });

    it('shares the stream that its user has there, however long that has been', async () => {
      const other = await connectCounting(`${young.url}${BOARD}`, ALICE);
      const first = await connectCounting(`${old.url}${BOARD}`, ALICE);
      await publish('1', '2');
      expect(await first.take(2)).toEqual(['1', '2']);
      await first.client.cut();
      await publish('3', '4');
      const second = await connectCounting(`${young.url}${BOARD}`, ALICE, first.point);
      expect(second.ready).toMatchObject({ resumed: true, epoch: other.ready.epoch });
      await publish('5');
      expect(await second.take(3)).toEqual(['3', '4', '5']);
      expect(await other.take(5)).toEqual(['1', '2', '3', '4', '5']);
      expect(second.point).toBe(other.point);
      expect(young.bridge.openState().streams).toBe(1);
    });

    it(`gets what its channels carried in their one order, or a gap where they have none (${topology})`, async () => {
      const first = await connectCounting(`${old.url}/ws/notifications`, ALICE);
      await first.client.cut();
      for (let count = 0; count < 6; count += 1)
        await redis.publish(count % 2 === 0 ? 'acme:notifications' : 'acme:notifications:alice', `${count}`);
      const second = await connectCounting(`${young.url}/ws/notifications`, ALICE, first.point);
      if (inOneOrder) expect(await second.take(6)).toEqual(['0', '1', '2', '3', '4', '5']);
      else expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
    });

    it('does not get its own messages back, not even those that its old socket still sends', async () => {
      const url = '/ws/collaboration/d';
      const peer = await connectCounting(`${young.url}${url}`, BOB);
      const first = await connectCounting(`${old.url}${url}`, ALICE);
      first.send('mine 1');
      expect(await peer.next()).toBe('mine 1');
      peer.send("peer's 1");
      expect(await first.next()).toBe("peer's 1");
      const { point } = first;
      peer.send("peer's 2");
      first.send('mine 2');
      expect(await peer.next()).toBe('mine 2');
      const second = await connectCounting(`${young.url}${url}`, ALICE, point);
      first.send('mine 3');
      expect(await peer.next()).toBe('mine 3');
      second.send('mine 4');
      expect(await peer.next()).toBe('mine 4');
      peer.send("peer's 3");
      expect(await second.take(2)).toEqual(["peer's 2", "peer's 3"]);
      expect(await first.take(2)).toEqual(["peer's 2", "peer's 3"]);
    });

    it('gets everything while it hops between bridges under traffic', async () => {
      const third = await startBridge(redis.url);
      const bridges = [old, young, third];
      const total = 600;
      const hoppers = Array.from({ length: 8 }, async (_, index) => {
        const caller = { tenant: 'acme', user: `user ${index % 5}` };
        const got: (string | ControlFrame)[] = [];
        let client = await connectCounting(`${old.url}${BOARD}`, caller);
        for (;;) {
          const stay = randomBytes(1).readUInt8() % 60;
          for (let count = 0; count < stay && got.at(-1) !== `${total}`; count += 1)
            got.push(await client.next());
          if (got.at(-1) === `${total}`) return got;
          const { point } = client;
          if (stay % 2 === 0) await client.client.cut();
          const target = bridges[stay % 3]?.url ?? '';
          const next = await connectCounting(`${target}${BOARD}`, caller, point);
          client.client.socket.terminate();
          client = next;
        }
      });
      await eventually(() => old.bridge.openState().connections === 8);
      for (let count = 1; count <= total; count += 1) await redis.publish(CHANNEL, `${count}`);
      const expected = Array.from({ length: total }, (_, index) => `${index + 1}`);
      for (const got of await Promise.all(hoppers)) expect(got).toEqual(expected);
      await third.bridge.close();
    });

    it.each([
      ["another user's", BOARD, BOB],
      ["another tenant's", BOARD, { tenant: 'evil', user: 'alice' }],
      ["another dashboard's", '/ws/bi/dashboards/e', ALICE],
    ])('with %s point gets a gap and nothing else', async (_, path, caller) => {
      const first = await connectCounting(`${old.url}${BOARD}`, ALICE);
      await publish('secret');
      expect(await first.next()).toBe('secret');
      const second = await connectCounting(
        `${young.url}${path}`,
        caller,
        `${first.ready.epoch}.${first.ready.offset}`,
      );
      expect(second.ready.resumed).toBe(false);
      expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
      expect(await metricsOf(old)).toContain('ws_bridge_handovers_total{side="given",outcome="unknown"} 1');
    });

    it('is told of a gap when the old bridge no longer keeps the frames', async () => {
      const small = await startBridge(redis.url, { BRIDGE_RING_MAX_FRAMES: '2' });
      const first = await connectCounting(`${small.url}${BOARD}`, ALICE);
      await first.client.cut();
      await publish('1', '2', '3');
      const second = await connectCounting(`${young.url}${BOARD}`, ALICE, first.point);
      expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'expired' } });
      await publish('4');
      expect(await second.next()).toBe('4');
      await small.bridge.close();
    });

    it('is told of a gap at once when the old bridge is gone', async () => {
      const first = await connectCounting(`${old.url}${BOARD}`, ALICE);
      await old.bridge.close();
      const second = await connectCounting(`${young.url}${BOARD}`, ALICE, first.point);
      expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
      expect(await metricsOf(young)).toContain('ws_bridge_handovers_total{side="taken",outcome="unknown"} 1');
    });
  });

  describe('a bridge that drains', () => {
    it('hands over what its clients missed after their sockets are closed, for the linger', async () => {
      let now = Date.now();
      const leaving = await startBridge(
        redis.url,
        { BRIDGE_DRAIN_MS: '0', BRIDGE_LINGER_MS: '60000' },
        () => now,
      );
      const first = await connectCounting(`${leaving.url}${BOARD}`, ALICE);
      const second = await connectCounting(`${leaving.url}/ws/notifications`, BOB);
      let ended = false;
      const drained = leaving.bridge.drain().then(() => {
        ended = true;
      });
      now += 1000;
      expect(await Promise.all([first.client.closed, second.client.closed])).toEqual([1012, 1012]);
      await publish('1');
      const third = await connectCounting(`${young.url}${BOARD}`, ALICE, first.point);
      expect(await third.next()).toBe('1');
      expect(ended).toBe(false);
      now += 61_000;
      await drained;
      expect(leaving.bridge.openState()).toEqual(EMPTY);
      const late = await connectCounting(`${young.url}/ws/notifications`, BOB, second.point);
      expect(await late.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
    });
  });
});

it('a client that comes to another bridge is told of a gap when the old bridge does not answer in time', async () => {
  const server = await startRedis();
  const proxy = await startRedisProxy(server.port);
  const mute = await startBridge(proxy.url, { BRIDGE_PROBE_INTERVAL_MS: '600000' });
  const hasty = await startBridge(server.url, { BRIDGE_HANDOVER_TIMEOUT_MS: '50' });
  const first = await connectCounting(`${mute.url}${BOARD}`, ALICE);
  expect(proxy.mute('ws-bridge:subscriber')).toBe(1);
  const second = await connectCounting(`${hasty.url}${BOARD}`, ALICE, first.point);
  expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'timeout' } });
  const client = new Redis(server.url);
  await client.publish(CHANNEL, 'live');
  expect(await second.next()).toBe('live');
  expect(hasty.bridge.openState().handovers).toBe(0);
  await hasty.bridge.close();
  proxy.close();
  await mute.bridge.close();
  client.disconnect();
  await server.stop();
});
