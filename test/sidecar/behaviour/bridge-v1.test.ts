import assert from 'node:assert/strict';
import { CONTROL_FRAME_PREFIX } from '../../../protocol/frames';
import {
  askUpgrade,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type TestBridge,
} from '../fixture';
import { TOPOLOGIES, type TestRedis } from '../topologies';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'alice' };

describe.each(TOPOLOGIES)('on %s,', (_topology, startRedis) => {
  let redis: TestRedis;
  let bridge: TestBridge;

  beforeAll(async () => {
    redis = await startRedis();
  }, 60_000);
  beforeEach(async () => {
    await redis.flush();
    bridge = await startBridge(redis.url, { BRIDGE_RING_MAX_FRAMES: '8' });
  });
  afterEach(async () => {
    await bridge.bridge.close();
    assert.deepEqual(bridge.bridge.openState(), EMPTY);
  });
  afterAll(async () => {
    await redis.stop();
  });

  describe('bridge.v1', () => {
    it.each([
      [['bridge.v1'], 'bridge.v1'],
      [['soap', 'bridge.v1', 'bearer.x'], 'bridge.v1'],
    ])('is selected when a client offers %p', async (offers, selected) => {
      const client = await connect(`${bridge.url}/ws/notifications`, ALICE, offers);
      expect(client.socket.protocol).toBe(selected);
      expect(await client.nextText()).toMatch(/^\{"type":"bridge\.ready",/);
    });

    it('is not spoken to a client that does not offer it, and no other subprotocol is selected', async () => {
      const plain = await connect(`${bridge.url}/ws/notifications`, ALICE);
      const answer = await askUpgrade(`${bridge.url}/ws/notifications`, {
        ...(await headersFor(ALICE)),
        'Sec-WebSocket-Protocol': 'bridge.v2, graphql-ws',
      });
      expect([answer.status, answer.headers['sec-websocket-protocol']]).toEqual([101, undefined]);
      await redis.publish('acme:notifications', 'first');
      expect(await plain.nextText()).toBe('first');
      expect(bridge.bridge.openState().streams).toBe(0);
    });

    it.each([
      [['plain.v1', 'bearer.x'], 'plain.v1'],
      [['plain.v1', 'bridge.v1'], 'bridge.v1'],
      [['bearer.x', 'y.v2', 'json'], 'y.v2'],
      [['json', 'plain.v1'], 'plain.v1'],
      [['bearer.x', 'soap'], undefined],
      [['bearer.x'], undefined],
    ])('or %p: of those, and of what the operator lists, %p is selected', async (offers, selected) => {
      const own = await startBridge(redis.url, { BRIDGE_SUBPROTOCOLS: 'json, y.v2' });
      const answer = await askUpgrade(`${own.url}/ws/notifications`, {
        ...(await headersFor(ALICE)),
        'Sec-WebSocket-Protocol': offers.join(', '),
      });
      expect([answer.status, answer.headers['sec-websocket-protocol']]).toEqual([101, selected]);
      await own.bridge.close();
    });

    it('begins with bridge.ready, which names the session of an AI chat', async () => {
      const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
      expect(chat.ready).toEqual({
        epoch: expect.stringMatching(/^[A-Za-z0-9_-]{1,128}$/) as string,
        offset: expect.any(Number) as number,
        resumed: false,
        session: 's1',
      });
      const board = await connectCounting(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
      expect(board.ready).not.toHaveProperty('session');
    });

    it('acknowledges a command that has an id, once it is in the stream', async () => {
      const chat = await connectCounting(`${bridge.url}/ws/ai/chat`, ALICE);
      chat.send('{"type":"ask"}');
      chat.send('{"type":"ask","id":"c1"}');
      expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
      expect(await redis.xlen('ai:commands')).toBe(2);
    });

    it('says bridge.error where a plain client gets an error frame', async () => {
      const chat = await connectCounting(`${bridge.url}/ws/ai/chat`, ALICE);
      chat.send('{"type":7,"id":"c1"}');
      expect(await chat.next()).toMatchObject({
        type: 'bridge.error',
        data: { code: 'INVALID_COMMAND', id: 'c1' },
      });
      const board = await connectCounting(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
      board.send('x');
      expect(await board.next()).toMatchObject({ type: 'bridge.error', data: { code: 'READ_ONLY' } });
    });

    it('puts a gap in the place of a published frame that begins as a control frame, live and resumed', async () => {
      const url = `${bridge.url}/ws/bi/dashboards/d`;
      const plain = await connect(url, ALICE);
      const board = await connectCounting(url, ALICE);
      const before = board.point;
      const forged = `${CONTROL_FRAME_PREFIX}ready","data":{}}`;
      for (const text of ['a', forged, 'b']) await redis.publish('acme:dashboard:refresh:d', text);
      const [a, gap, b] = await board.take(3);
      expect([a, b]).toEqual(['a', 'b']);
      expect(gap).toMatchObject({
        type: 'bridge.gap',
        data: { reason: 'reserved', epoch: board.ready.epoch },
      });
      expect([await plain.nextText(), await plain.nextText()]).toEqual(['a', forged]);
      await board.client.cut();
      const again = await connectCounting(url, ALICE, before);
      expect(await again.take(3)).toEqual([a, gap, b]);
      expect(again.point).toBe(board.point);
    });

    it("refuses a peer's text that begins as a control frame, and relays the same as binary", async () => {
      const url = `${bridge.url}/ws/collaboration/d`;
      const [peer, plain] = [await connectCounting(url, ALICE), await connect(url, BOB)];
      const forged = `${CONTROL_FRAME_PREFIX}ready"}`;
      plain.socket.send(forged);
      expect(await plain.nextJson()).toMatchObject({ type: 'error', data: { code: 'RESERVED' } });
      plain.socket.send(Buffer.from(forged));
      const got = await peer.client.next();
      expect([got.data.toString(), got.binary]).toEqual([forged, true]);
    });
  });

  describe('a client of bridge.v1 that comes back', () => {
    it('gets what it missed on all its channels, in order and once, then what is live', async () => {
      const url = `${bridge.url}/ws/notifications`;
      const first = await connectCounting(url, ALICE);
      await redis.publish('acme:notifications', '1');
      expect(await first.next()).toBe('1');
      await first.client.cut();
      await eventually(() => bridge.bridge.openState().connections === 0);
      const witness = await connect(url, ALICE);
      await redis.publish('acme:notifications:alice', '2');
      expect(await witness.nextText()).toBe('2');
      await redis.publish('acme:notifications', '3');
      expect(await witness.nextText()).toBe('3');
      const second = await connectCounting(url, ALICE, first.point);
      expect(second.ready).toMatchObject({ resumed: true, epoch: first.ready.epoch });
      await redis.publish('acme:notifications', '4');
      expect(await second.take(3)).toEqual(['2', '3', '4']);
    });

    it('gets frames from any point that is kept, whatever other sockets of its user do', async () => {
      const url = `${bridge.url}/ws/bi/dashboards/d`;
      const [one, two] = [await connectCounting(url, ALICE), await connectCounting(url, ALICE)];
      expect(bridge.bridge.openState()).toMatchObject({ connections: 2, streams: 1 });
      const points = [one.point];
      for (let count = 0; count < 5; count += 1) {
        await redis.publish('acme:dashboard:refresh:d', `${count}`);
        expect(await one.next()).toBe(`${count}`);
        points.push(one.point);
      }
      expect(await two.take(5)).toHaveLength(5);
      expect(two.point).toBe(one.point);
      for (const [count, point] of points.entries()) {
        const again = await connectCounting(url, ALICE, point);
        expect(await again.take(5 - count)).toEqual(['0', '1', '2', '3', '4'].slice(count));
        expect(again.point).toBe(one.point);
      }
    });

    it('is told of a gap when the frames are no longer kept', async () => {
      const url = `${bridge.url}/ws/bi/dashboards/d`;
      const first = await connectCounting(url, ALICE);
      await first.client.cut();
      for (let count = 0; count < 9; count += 1) await redis.publish('acme:dashboard:refresh:d', 'x');
      const second = await connectCounting(url, ALICE, first.point);
      expect(second.ready.resumed).toBe(false);
      expect(await second.next()).toMatchObject({
        type: 'bridge.gap',
        data: { reason: 'expired', epoch: second.ready.epoch, offset: second.ready.offset },
      });
      await redis.publish('acme:dashboard:refresh:d', 'live');
      expect(await second.next()).toBe('live');
    });

    it.each([
      ["another user's", '/ws/bi/dashboards/d', BOB],
      ["another tenant's", '/ws/bi/dashboards/d', EVE],
      ["another dashboard's", '/ws/bi/dashboards/e', ALICE],
    ])('at %s point is told of a gap and gets none of its frames', async (_, path, caller) => {
      const first = await connectCounting(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
      await redis.publish('acme:dashboard:refresh:d', 'secret');
      const second = await connectCounting(`${bridge.url}${path}`, caller, first.point);
      expect(second.ready).toMatchObject({ resumed: false });
      expect(second.ready.epoch).not.toBe(first.ready.epoch);
      expect(await second.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
    });

    it('to a document gets what its peers sent, and not what it sent itself', async () => {
      const url = `${bridge.url}/ws/collaboration/d`;
      const [first, peer] = [await connectCounting(url, ALICE), await connectCounting(url, ALICE)];
      expect(bridge.bridge.openState().streams).toBe(2);
      first.send('mine');
      expect(await peer.next()).toBe('mine');
      await first.client.cut();
      peer.send("peer's");
      await eventually(() => bridge.bridge.openState().connections === 1);
      const second = await connectCounting(url, ALICE, first.point);
      second.send('mine again');
      expect(await peer.next()).toBe('mine again');
      await redis.publish('acme:collaboration:d', "service's");
      expect(await second.take(2)).toEqual(["peer's", "service's"]);
    });

    it('may overlap: while the old socket is open both get every frame', async () => {
      const url = `${bridge.url}/ws/ai/chat?session=s1`;
      const old = await connectCounting(url, ALICE);
      await redis.publish('ai:stream:s1', '1');
      expect(await old.next()).toBe('1');
      const young = await connectCounting(url, ALICE, old.point);
      await redis.publish('ai:stream:s1', '2');
      expect([await old.next(), await young.next()]).toEqual(['2', '2']);
    });

    it.each(['resume=x', 'resume=', 'resume=e.1&resume=e.1'])(
      'with ?%s is refused with 400',
      async (query) => {
        const headers = { ...(await headersFor(ALICE)), 'Sec-WebSocket-Protocol': 'bridge.v1' };
        const answer = await askUpgrade(`${bridge.url}/ws/notifications?${query}`, headers);
        expect(answer).toMatchObject({
          status: 400,
          body: '{"message":"expected one resume point, <epoch>.<offset>"}',
        });
      },
    );
  });

  describe('a stream', () => {
    it('keeps its subscription for the linger and gives it back then', async () => {
      let now = Date.now();
      const own = await startBridge(redis.url, { BRIDGE_LINGER_MS: '60000' }, () => now);
      const board = await connectCounting(`${own.url}/ws/bi/dashboards/lingers`, ALICE);
      await board.client.close();
      await eventually(() => own.bridge.openState().connections === 0);
      expect(own.bridge.openState()).toEqual({
        ...EMPTY,
        channels: 1,
        streams: 1,
        ringTenants: 1,
        deadlines: 1,
      });
      now += 61_000;
      await eventually(() => own.bridge.openState().streams === 0);
      await eventually(async () => (await redis.subscribers('acme:dashboard:refresh:lingers')) === 0);
      expect(own.bridge.openState()).toEqual(EMPTY);
      await own.bridge.close();
    });

    it('counts resumes and gaps', async () => {
      const url = `${bridge.url}/ws/bi/dashboards/d`;
      const first = await connectCounting(url, ALICE);
      await connectCounting(url, ALICE, first.point);
      await (await connectCounting(url, ALICE, 'nobody.1')).next();
      const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
      expect(metrics.split('\n')).toEqual(
        expect.arrayContaining([
          'ws_bridge_resumes_total{route="dashboard",outcome="resumed"} 1',
          'ws_bridge_resumes_total{route="dashboard",outcome="unknown"} 1',
          'ws_bridge_gaps_total{route="dashboard",reason="unknown"} 1',
          'ws_bridge_streams 1',
        ]),
      );
    });
  });
});
