import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { makeOwnFolder } from '../../fakes/own-folder';
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
const CHANNEL = 'ai:stream:{s1}';
const KEY = 'ai:history:{s1}';

jest.setTimeout(60_000);

/** A routes file whose chat has a history. */
function routesFile(history: object = {}): string {
  const file = join(makeOwnFolder('routes-').path, 'routes.json');
  const chat = {
    name: 'chat',
    path: '/ws/ai/chat',
    channels: ['ai:stream:{{session}}'],
    history: { key: 'ai:history:{{session}}', ...history },
    messages: 'commands',
    session: true,
  };
  // The same channel, without the history.
  const watch = {
    name: 'watch',
    path: '/ws/ai/watch',
    channels: chat.channels,
    messages: 'refuse',
    session: true,
  };
  writeFileSync(file, JSON.stringify({ routes: [chat, watch] }));
  return file;
}

async function metric({ adminUrl }: TestBridge, outcome: string): Promise<string | undefined> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const series = `ws_bridge_histories_total{route="chat",outcome="${outcome}"} `;
  return text
    .split('\n')
    .find((line) => line.startsWith(series))
    ?.slice(series.length);
}

function texts(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `f${from + index}`);
}

describe.each(TOPOLOGIES)('on %s, a channel with a history', (_topology, startTopology) => {
  let redis: TestRedis;
  let bridges: TestBridge[];
  const env = (history?: object): Record<string, string> => ({
    BRIDGE_ROUTES_FILE: routesFile(history),
  });
  const urlOf = ({ url }: TestBridge): string => `${url}/ws/ai/chat?session=s1`;
  const append = async (...frames: readonly string[]): Promise<void> => {
    for (const frame of frames) await redis.append(KEY, CHANNEL, frame);
  };
  const open = async (history?: object): Promise<TestBridge> => {
    const bridge = await startBridge(redis.url, env(history));
    bridges.push(bridge);
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    return bridge;
  };
  const come = (bridge: TestBridge, point?: string): Promise<CountingClient> =>
    connectCounting(urlOf(bridge), ALICE, point);

  beforeAll(async () => {
    redis = await startTopology();
  });
  beforeEach(async () => {
    await redis.flush();
    bridges = [];
  });
  afterEach(async () => {
    for (const { bridge } of bridges) {
      await bridge.close();
      assert.deepEqual(bridge.openState(), EMPTY);
    }
  });
  afterAll(async () => {
    await redis.stop();
  });

  it('is begun by the bridge before the first frame, and counted from 0', async () => {
    const bridge = await open();
    const chat = await come(bridge);
    expect(chat.ready).toMatchObject({ offset: 0, resumed: false, session: 's1' });
    expect(chat.ready.epoch).toMatch(/^h\d{16}-[0-9a-f]{16}$/);
    await append(...texts(1, 3));
    expect(await chat.take(3)).toEqual(texts(1, 3));
    expect(chat.point).toBe(`${chat.ready.epoch}.3`);
    expect(await redis.xlen(KEY)).toBe(4);
  });

  it('gives a client at another bridge what it missed, though the bridge that it left says nothing', async () => {
    const [here, there] = [await open(), await open()];
    const chat = await come(here);
    await append(...texts(1, 2));
    await chat.take(2);
    await chat.client.cut();
    // As when it was killed.
    await here.bridge.close();
    await append(...texts(3, 20));
    const back = await come(there, chat.point);
    await append('live');
    expect(back.ready).toMatchObject({ epoch: chat.ready.epoch, offset: 2, resumed: true });
    expect(await back.take(19)).toEqual([...texts(3, 20), 'live']);
    expect(back.point).toBe(`${chat.ready.epoch}.21`);
  });

  it('has its count whichever of its routes the same user came to first', async () => {
    const bridge = await open();
    const watching = await connectCounting(`${bridge.url}/ws/ai/watch?session=s1`, ALICE);
    expect(watching.ready.epoch).not.toMatch(/^h/);
    const chat = await come(bridge);
    expect(chat.ready).toMatchObject({ offset: 0, resumed: false });
    await append(...texts(1, 2));
    expect([await watching.take(2), await chat.take(2)]).toEqual([texts(1, 2), texts(1, 2)]);
    const back = await come(bridge, `${chat.ready.epoch}.1`);
    expect(back.ready).toMatchObject({ offset: 1, resumed: true });
    expect(await back.take(1)).toEqual(['f2']);
  });

  it('gives binary frames and text as they were published', async () => {
    const bridge = await open();
    const first = await come(bridge);
    const bytes = [Buffer.of(0xff, 0, 1), Buffer.from('\uFEFFü'), Buffer.alloc(0)];
    await first.client.cut();
    await bridge.bridge.close();
    const next = await open();
    for (const frame of bytes) await redis.append(KEY, CHANNEL, frame);
    const back = await come(next, first.point);
    const got = [await back.client.next(), await back.client.next(), await back.client.next()];
    expect(got.map(({ data }) => data)).toEqual(bytes);
    expect(got.map(({ binary }) => binary)).toEqual([true, false, false]);
  });

  it('is read for an older point than its bridge has, beside a client that goes on', async () => {
    const bridge = await open();
    await append(...texts(1, 20));
    const stays = await come(bridge);
    expect(stays.ready.offset).toBe(20);
    const behind = await come(bridge, `${stays.ready.epoch}.5`);
    expect(behind.ready).toMatchObject({ offset: 5, resumed: true });
    await append('live');
    expect(await behind.take(16)).toEqual([...texts(6, 20), 'live']);
    expect(await stays.next()).toBe('live');
    await behind.client.cut();
    const again = await come(bridge, `${stays.ready.epoch}.5`);
    expect(await again.take(16)).toEqual([...texts(6, 20), 'live']);
    expect([await metric(bridge, 'followed'), await metric(bridge, 'recounted')]).toEqual(['1', '0']);
  });

  it('gives all of it to a client that asks for the oldest frame, on a bridge that has none of it', async () => {
    await append(...texts(1, 20));
    const [here, there] = [await open(), await open({ frames: 5 })];
    const whole = await come(here, 'oldest');
    expect(whole.ready).toMatchObject({ offset: 0, resumed: true, live: 20 });
    await append('live');
    expect(await whole.take(21)).toEqual([...texts(1, 20), 'live']);
    const part = await come(there, 'oldest');
    expect(part.ready).toMatchObject({ offset: 16, resumed: false, live: 21 });
    expect(await part.take(6)).toEqual([
      { type: 'bridge.gap', data: { reason: 'expired', epoch: whole.ready.epoch, offset: 16 } },
      ...texts(17, 20),
      'live',
    ]);
  });

  it('says expired for a point whose frames are gone, then gives what is kept', async () => {
    const bridge = await open({ frames: 3 });
    const chat = await come(bridge);
    await chat.client.cut();
    await bridge.bridge.close();
    await append(...texts(1, 9));
    const next = await open({ frames: 3 });
    const back = await come(next, chat.point);
    expect(back.ready).toMatchObject({ offset: 6, resumed: false });
    expect(await back.take(4)).toEqual([
      { type: 'bridge.gap', data: { reason: 'expired', epoch: chat.ready.epoch, offset: 6 } },
      ...texts(7, 9),
    ]);
    expect(back.point).toBe(`${chat.ready.epoch}.9`);
  });

  it('is read no further than its bytes', async () => {
    const bridge = await open({ bytes: 10 });
    const chat = await come(bridge);
    await append('12345', '12345', '12345');
    await chat.take(3);
    await chat.client.cut();
    await bridge.bridge.close();
    const next = await open({ bytes: 10 });
    const back = await come(next, chat.point.replace(/\d+$/, '0'));
    expect(await back.take(3)).toMatchObject([
      { type: 'bridge.gap', data: { reason: 'expired', offset: 1 } },
      '12345',
      '12345',
    ]);
  });

  it('says unknown for a point of another history, and repeats nothing', async () => {
    const bridge = await open();
    await append('old');
    for (const point of ['h1764240000000000-0123456789abcdef.0', 'h1-x.0', '0123456789abcdef_1.1000000']) {
      const back = await come(bridge, point);
      expect(back.ready).toMatchObject({ offset: 1, resumed: false });
      expect(await back.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown', offset: 1 } });
      await back.client.cut();
    }
  });

  it('says unknown for a point that it has not come to', async () => {
    const bridge = await open();
    await append('one');
    const chat = await come(bridge);
    const ahead = await come(bridge, `${chat.ready.epoch}.7`);
    expect(await ahead.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown', offset: 1 } });
  });

  it('costs no client a gap when its subscription is lost: it gets what it missed, once and in order', async () => {
    const bridge = await open();
    const chat = await come(bridge);
    await append(...texts(1, 2));
    await chat.take(2);
    for (let round = 0; round < 3; round += 1) {
      await redis.cutSubscribers();
      await append(...texts(3 + round * 10, 12 + round * 10));
      expect(await chat.take(10)).toEqual(texts(3 + round * 10, 12 + round * 10));
    }
    expect(chat.point).toBe(`${chat.ready.epoch}.32`);
    await eventually(async () => (await metric(bridge, 'caught_up')) === '3');
  });

  it('gives a plain client live frames only', async () => {
    const bridge = await open();
    await append('before');
    const plain = await connect(urlOf(bridge), ALICE);
    await append('live');
    expect(await plain.nextText()).toBe('live');
    expect(plain.kept).toBe(0);
  });

  it('is told of a frame that was published without it, at the next marker, as a gap', async () => {
    const bridge = await open();
    const chat = await come(bridge);
    await append('one');
    await redis.publish(CHANNEL, 'stray');
    await append('two');
    expect(await chat.take(3)).toEqual(['one', 'stray', 'two']);
    // One that comes with a point that is not known is read the history for.
    await come(bridge, `${chat.ready.epoch}.9`);
    expect(await chat.next()).toEqual({
      type: 'bridge.gap',
      data: { reason: 'unknown', epoch: chat.ready.epoch, offset: 2 },
    });
    expect(await metric(bridge, 'recounted')).toBe('1');
    await append('three');
    await chat.next();
    await chat.client.cut();
    expect((await come(await open(), chat.point)).ready).toMatchObject({ offset: 3, resumed: true });
  });

  it('that was lost begins anew, and its clients are told of a gap', async () => {
    const bridge = await open();
    const chat = await come(bridge);
    await append('one');
    await chat.next();
    await redis.flush();
    await redis.cutSubscribers();
    expect(await chat.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'redis', offset: 0 } });
    expect(chat.point.split('.')[0]).not.toBe(chat.ready.epoch);
    await append('new');
    expect(await chat.next()).toBe('new');
  });

  it('never gives an entry that is no frame, nor what was before it', async () => {
    const bridge = await open();
    const chat = await come(bridge);
    await append(...texts(1, 2));
    await chat.client.cut();
    await bridge.bridge.close();
    const begun = chat.ready.epoch.slice(1).split('-')[0] ?? '';
    await redis.xadd(KEY, `${begun}-3`, 'secret', 'no frame');
    await append('four');
    const back = await come(await open(), chat.point);
    await append('five');
    expect(await back.take(3)).toEqual([
      { type: 'bridge.gap', data: { reason: 'expired', epoch: chat.ready.epoch, offset: 3 } },
      'four',
      'five',
    ]);
  });

  it.each([
    ['a stream of something else', () => redis.xadd(KEY, '*', 'secret', 'no frame')],
    ['a string', () => redis.set(KEY, 'no frame')],
  ])('is not made of %s: upgrades are refused, and the key stays as it was', async (_, fill) => {
    await fill();
    const { url } = await open();
    const answer = await askUpgrade(`${url}/ws/ai/chat?session=s1&resume=oldest`, {
      ...(await headersFor(ALICE)),
      'Sec-WebSocket-Protocol': 'bridge.v1',
    });
    expect(answer.status).toBe(503);
    expect(answer.body).not.toContain('no frame');
    expect(await redis.ttl(KEY)).toBe(-1);
  });

  it('is kept for its time after the last frame', async () => {
    const bridge = await open({ seconds: 77 });
    await come(bridge);
    const left = await redis.ttl(KEY);
    expect(left).toBeGreaterThan(77 - 30);
    expect(left).toBeLessThanOrEqual(77);
    await append('one');
    expect(await redis.ttl(KEY)).toBeGreaterThan(600 - 30);
  });

  it("is another session's for another session, in a channel of its own", async () => {
    const bridge = await open();
    await append('secret');
    const chat = await come(bridge);
    const point = `${chat.ready.epoch}.0`;
    const eve = await connectCounting(
      `${bridge.url}/ws/ai/chat?session=s2`,
      { tenant: 'evil', user: 'eve' },
      point,
    );
    expect(await eve.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown', offset: 0 } });
    expect(await redis.keys('ai:history:*')).toHaveLength(2);
  });

  it('loses nothing and repeats nothing for clients that come and go between bridges while frames come', async () => {
    const [here, there] = [await open(), await open()];
    const total = 200;
    const publishing = append(...texts(1, total));
    const heard = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const got: unknown[] = [];
        let point: string | undefined;
        for (let turn = index; got.length < total; turn += 1) {
          const chat = await come(turn % 2 === 0 ? here : there, point);
          if (point === undefined) got.push(...texts(1, chat.ready.offset));
          const wanted = Math.min(total - got.length, 1 + ((index + turn * 7) % 40));
          got.push(...(await chat.take(wanted)));
          // Frames that came and were not taken are not counted.
          point = chat.point;
          await chat.client.cut();
        }
        return got;
      }),
    );
    await publishing;
    for (const got of heard) expect(got).toEqual(texts(1, total));
  });
});
