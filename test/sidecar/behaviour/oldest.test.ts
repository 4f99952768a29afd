import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { recordAsked } from '../../fakes/asked-of-redis';
import { documentedUser } from '../../fakes/documented-user';
import { makeOwnFolder } from '../../fakes/own-folder';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type CountingClient,
  type TestBridge,
} from '../fixture';
import { TOPOLOGIES, type TestRedis } from '../topologies';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'evil', user: 'eve' };
const CHAT = '/ws/ai/chat?session=s1';
const CHANNEL = 'ai:stream:s1';

jest.setTimeout(60_000);

/** A client that has forgotten everything. */
function connectForgetful({ url }: TestBridge, path = CHAT, caller = ALICE): Promise<CountingClient> {
  return connectCounting(`${url}${path}`, caller, 'oldest');
}

/** A routes file in which the AI chat keeps so much. */
function routesWith(ring: object): Readonly<Record<string, string>> {
  const file = join(makeOwnFolder('oldest-').path, 'routes.json');
  const chat = {
    name: 'ai-chat',
    path: '/ws/ai/chat',
    channels: ['ai:stream:{session}'],
    messages: 'commands',
    session: true,
    ring,
  };
  writeFileSync(file, JSON.stringify({ routes: [chat] }));
  return { BRIDGE_ROUTES_FILE: file };
}

describe.each(TOPOLOGIES)('on %s,', (_topology, startTopology) => {
  let redis: TestRedis;
  const started: TestBridge[] = [];

  beforeAll(async () => {
    redis = await startTopology();
  });
  beforeEach(async () => {
    await redis.flush();
  });
  afterEach(async () => {
    for (const { bridge } of started.splice(0)) {
      await bridge.close();
      assert.deepEqual(bridge.openState(), EMPTY);
    }
    await eventually(async () => (await redis.clientChannels()).length === 0);
    assert.deepEqual(await redis.keys('ws:handover:*'), []);
  });
  afterAll(async () => {
    await redis.stop();
  });

  async function start(env: Readonly<Record<string, string>> = {}): Promise<TestBridge> {
    const bridge = await startBridge(redis.url, env);
    started.push(bridge);
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    return bridge;
  }

  async function publish(...texts: string[]): Promise<void> {
    for (const text of texts) await redis.publish(CHANNEL, text);
  }

  /** A client that has had some frames since its session was claimed. */
  async function begun(bridge: TestBridge, ...texts: string[]): Promise<CountingClient> {
    const first = await connectCounting(`${bridge.url}${CHAT}`, ALICE);
    await publish(...texts);
    expect(await first.take(texts.length)).toEqual(texts);
    return first;
  }

  async function expectGap(client: CountingClient, reason: string): Promise<void> {
    const { epoch, offset, resumed } = client.ready;
    expect(resumed).toBe(false);
    expect(await client.next()).toEqual({ type: 'bridge.gap', data: { reason, epoch, offset } });
  }

  describe('a client that has forgotten everything', () => {
    it('gets all of the session, then what is live, and counts its point from there', async () => {
      const bridge = await start();
      const first = await begun(bridge, '1', '2', '3');
      await first.client.cut();
      const again = await connectForgetful(bridge);
      expect(again.ready).toMatchObject({ resumed: true, session: 's1', live: again.ready.offset + 3 });
      await publish('4');
      expect(await again.take(4)).toEqual(['1', '2', '3', '4']);
      const { point } = again;
      await again.client.cut();
      await publish('5');
      const resumed = await connectCounting(`${bridge.url}${CHAT}`, ALICE, point);
      expect(resumed.ready).toMatchObject({ resumed: true });
      expect(resumed.ready).not.toHaveProperty('live');
      expect(await resumed.next()).toBe('5');
    });

    it('gets it at bridges that have never seen the session, from one to the next', async () => {
      const bridges = [await start(), await start(), await start()] as const;
      await begun(bridges[0], '1', '2');
      const second = await connectForgetful(bridges[1]);
      expect(second.ready.resumed).toBe(true);
      await publish('3');
      expect(await second.take(3)).toEqual(['1', '2', '3']);
      await bridges[0].bridge.close();
      const third = await connectForgetful(bridges[2]);
      await publish('4');
      expect(third.ready).toMatchObject({ resumed: true, live: third.ready.offset + 3 });
      expect(await third.take(4)).toEqual(['1', '2', '3', '4']);
      expect(await second.next()).toBe('4');
    });

    it('gets it after a client with a point came to another bridge, and the first one ended', async () => {
      const [old, young] = [await start({ BRIDGE_DRAIN_MS: '0' }), await start()];
      const first = await begun(old, '1', '2', '3');
      const drained = old.bridge.drain();
      expect(await first.client.closed).toBe(1012);
      await publish('4');
      const moved = await connectCounting(`${young.url}${CHAT}`, ALICE, first.point);
      expect(moved.ready.resumed).toBe(true);
      expect(await moved.next()).toBe('4');
      await old.bridge.close();
      await drained;
      const again = await connectForgetful(young);
      expect(again.ready.resumed).toBe(true);
      expect(await again.take(4)).toEqual(['1', '2', '3', '4']);
      await publish('5');
      expect([await moved.next(), await again.next()]).toEqual(['5', '5']);
    });

    it('gets it after clients with points went from bridge to bridge, and those with all of it ended', async () => {
      const [old, whole, third, fourth] = [await start(), await start(), await start(), await start()];
      const first = await begun(old, '1', '2', '3');
      // From now on this one is named as the one with all of it, alone.
      const second = await connectForgetful(whole);
      expect(await second.take(3)).toEqual(['1', '2', '3']);
      await first.client.cut();
      const moved = await connectCounting(`${third.url}${CHAT}`, ALICE, first.point);
      expect(moved.ready.resumed).toBe(true);
      await publish('4');
      expect(await moved.next()).toBe('4');
      await moved.client.cut();
      const again = await connectCounting(`${fourth.url}${CHAT}`, ALICE, moved.point);
      expect(again.ready.resumed).toBe(true);
      for (const { bridge } of [old, whole, third]) await bridge.close();
      const forgetful = await connectForgetful(fourth);
      expect(forgetful.ready.resumed).toBe(true);
      expect(await forgetful.take(4)).toEqual(['1', '2', '3', '4']);
    });

    it('gets it from the bridge with the beginning, also where another client came without one', async () => {
      const [old, young, third] = [await start(), await start(), await start()];
      await begun(old, '1');
      await connectCounting(`${young.url}${CHAT}`, ALICE);
      await publish('2');
      const there = await connectForgetful(third);
      expect(there.ready.resumed).toBe(true);
      expect(await there.take(2)).toEqual(['1', '2']);
      const here = await connectForgetful(young);
      expect(here.ready.resumed).toBe(true);
      expect(await here.take(2)).toEqual(['1', '2']);
    });

    it('is told of a gap at once when the bridge of the session is gone, and goes on', async () => {
      const [old, young] = [await start(), await start()];
      await begun(old, '1');
      await old.bridge.close();
      const again = await connectForgetful(young);
      await expectGap(again, 'unknown');
      await publish('2');
      expect(await again.next()).toBe('2');
      const other = await connectForgetful(young);
      await expectGap(other, 'unknown');
      expect(await other.next()).toBe('2');
    });

    it('gets the rest from the bridge that has it when the one with the beginning is gone', async () => {
      const [old, young, third] = [await start(), await start(), await start()];
      await begun(old, '1');
      await connectCounting(`${young.url}${CHAT}`, ALICE);
      await publish('2');
      await old.bridge.close();
      const again = await connectForgetful(third);
      await expectGap(again, 'unknown');
      expect(await again.next()).toBe('2');
    });

    it('is told of a gap where the beginning is no longer kept, and gets what is', async () => {
      const [old, young] = [await start(routesWith({ frames: 3 })), await start()];
      await begun(old, '1', '2', '3', '4', '5');
      const here = await connectForgetful(old);
      await expectGap(here, 'expired');
      expect(here.ready.live).toBe(here.ready.offset + 3);
      await publish('6');
      expect(await here.take(4)).toEqual(['3', '4', '5', '6']);
      const there = await connectForgetful(young);
      await expectGap(there, 'expired');
      expect(await there.take(3)).toEqual(['4', '5', '6']);
    });

    it('of a session that nobody has claimed is told that nothing is missing', async () => {
      const bridge = await start();
      const first = await connectForgetful(bridge);
      expect(first.ready).toMatchObject({ resumed: true, live: first.ready.offset });
      await publish('1');
      expect(await first.next()).toBe('1');
      const made = await connectForgetful(bridge, '/ws/ai/chat');
      expect(made.ready).toMatchObject({ resumed: true, session: expect.any(String) as string });
    });

    it('of a session that a plain client or an older bridge claimed is told of a gap', async () => {
      const bridge = await start();
      await connect(`${bridge.url}${CHAT}`, ALICE);
      await expectGap(await connectForgetful(bridge), 'unknown');
      await redis.set('ai:session:s2', JSON.stringify(['acme', 'alice']));
      await expectGap(await connectForgetful(bridge, '/ws/ai/chat?session=s2'), 'unknown');
    });

    it('is told of a gap after its bridge lost Redis for a moment, and gets the rest', async () => {
      const bridge = await start();
      const first = await begun(bridge, '1');
      await redis.cutSubscribers();
      expect(await first.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'redis' } });
      await publish('2');
      const again = await connectForgetful(bridge);
      await expectGap(again, 'unknown');
      expect(await again.next()).toBe('2');
    });

    it('of somebody else’s session is refused, and gets nothing of it once the claim is lost', async () => {
      const [old, young] = [await start(), await start()];
      const first = await begun(old, 'secret');
      const headers = { ...(await headersFor(EVE)), 'Sec-WebSocket-Protocol': 'bridge.v1' };
      expect(await askUpgrade(`${young.url}${CHAT}&resume=oldest`, headers)).toMatchObject({ status: 403 });
      await redis.set('ai:session:s1', JSON.stringify(['evil', 'eve']));
      const eve = await connectForgetful(young, CHAT, EVE);
      await expectGap(eve, 'unknown');
      await first.client.cut();
      await publish('hers');
      expect(await eve.next()).toBe('hers');
    });

    it('and comes to two bridges at once misses nothing unsaid at a third', async () => {
      const [old, young, third] = [await start(), await start(), await start()];
      for (let round = 0; round < 10; round += 1) {
        const [path, channel] = [`/ws/ai/chat?session=r${round}`, `ai:stream:r${round}`];
        const both = await Promise.all([connectForgetful(old, path), connectForgetful(young, path)]);
        await redis.publish(channel, '1');
        const firsts = await Promise.all(
          both.map(async (client) => (await client.take(client.ready.resumed ? 1 : 2)).at(-1)),
        );
        expect(firsts).toEqual(['1', '1']);
        const last = await connectForgetful(third, path);
        expect((await last.take(last.ready.resumed ? 1 : 2)).at(-1)).toBe('1');
      }
    });

    it('gets much more than may wait for it, without being too slow', async () => {
      const bridge = await start({ BRIDGE_MAX_BUFFER_BYTES: '65536' });
      const chunk = 'x'.repeat(20_000);
      const texts = Array.from({ length: 150 }, (_, index) => `${index} ${chunk}`);
      const plain = await connect(`${bridge.url}${CHAT}`, ALICE);
      const first = await connectCounting(`${bridge.url}${CHAT}`, ALICE);
      for (const text of texts) {
        await publish(text);
        expect(await first.next()).toBe(text);
      }
      expect(plain.kept).toBeGreaterThan(0);
      const again = await connectForgetful(bridge);
      again.client.socket.pause();
      await publish('live');
      expect(await first.next()).toBe('live');
      again.client.socket.resume();
      await expectGap(again, 'unknown');
      expect(await again.take(151)).toEqual([...texts, 'live']);
      await publish('after');
      expect(await again.next()).toBe('after');
    });

    it('is closed with nothing left when it leaves in the middle', async () => {
      const bridge = await start();
      const texts = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(30_000));
      await begun(bridge, ...texts);
      const again = await connectForgetful(bridge);
      again.client.socket.pause();
      again.client.socket.terminate();
      await eventually(() => bridge.bridge.openState().connections === 1);
      expect(bridge.bridge.openState()).toMatchObject({ streams: 1, sessions: 1, unsentBytes: 0 });
    });
  });

  describe('on a route without sessions resume=oldest', () => {
    it('gives what this bridge keeps, behind a gap', async () => {
      const bridge = await start();
      const path = '/ws/bi/dashboards/d';
      const first = await connectCounting(`${bridge.url}${path}`, ALICE);
      await redis.publish('acme:dashboard:refresh:d', '1');
      expect(await first.next()).toBe('1');
      const again = await connectForgetful(bridge, path);
      await expectGap(again, 'unknown');
      expect(await again.next()).toBe('1');
    });

    it('gives nothing from before where clients are relayed', async () => {
      const bridge = await start();
      const path = '/ws/collaboration/d';
      const [first, peer] = [
        await connectCounting(`${bridge.url}${path}`, ALICE),
        await connectCounting(`${bridge.url}${path}`, ALICE),
      ];
      peer.send('1');
      expect(await first.next()).toBe('1');
      const again = await connectForgetful(bridge, path);
      await expectGap(again, 'unknown');
      peer.send('2');
      expect(await again.next()).toBe('2');
    });
  });
});

describe('where a session’s frames are', () => {
  let server: RedisServer;
  let admin: Redis;

  beforeEach(async () => {
    server = await startRedis();
    admin = new Redis(server.url);
  });
  afterEach(async () => {
    admin.disconnect();
    await server.stop();
  });

  it('costs no round trip more: an upgrade asks Redis as often as without it', async () => {
    await admin.call('ACL', 'SETUSER', ...documentedUser('ws-bridge', '+subscribe'));
    const bridge = await startBridge(`redis://ws-bridge:secret@127.0.0.1:${server.port}`);
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    // Scripts are sent whole once. It stays: what is given back would be counted with the others.
    await connect(`${bridge.url}/ws/ai/chat?session=s0`, ALICE);
    const askedFor = async (path: string, offers: readonly string[]): Promise<readonly string[]> => {
      const sent = recordAsked('ws-bridge');
      await connect(`${bridge.url}${path}`, ALICE, offers);
      const all = sent.asked().filter(([, first]) => first?.includes('ws:probe') !== true);
      sent.stop();
      return all.map(([name = '']) => name);
    };
    const [gathered, claim] = [['evalsha', 'evalsha'], 'evalsha'];
    expect(await askedFor('/ws/ai/chat?session=plain', [])).toEqual([...gathered, 'subscribe', claim]);
    expect(await askedFor(CHAT, ['bridge.v1'])).toEqual([...gathered, 'subscribe', claim]);
    expect(await askedFor(`${CHAT}&resume=oldest`, ['bridge.v1'])).toEqual([...gathered, claim]);
    await bridge.bridge.close();
  });
});
