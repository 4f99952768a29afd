import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  clientChannels,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type Caller,
  type CountingClient,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'eve' };

let server: RedisServer;
let redis: Redis;
let bridges: TestBridge[];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  bridges = [];
});
afterEach(async () => {
  for (const { bridge } of bridges) {
    await bridge.close();
    assert.deepEqual(bridge.openState(), EMPTY);
  }
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function start(maxSubscriptions: number): Promise<TestBridge> {
  const bridge = await startBridge(server.url, { BRIDGE_MAX_SUBSCRIPTIONS: `${maxSubscriptions}` });
  bridges.push(bridge);
  return bridge;
}

function chatOf({ url }: TestBridge, session: string): string {
  return `${url}/ws/ai/chat?session=${session}`;
}

function dashboardOf({ url }: TestBridge, id: string): string {
  return `${url}/ws/bi/dashboards/${id}`;
}

/** Opens a place and is cut there: its replay log lingers. @returns the client's point */
async function leave({ bridge }: TestBridge, url: string, caller: Caller): Promise<string> {
  const { connections } = bridge.openState();
  const { client, point } = await connectCounting(url, caller);
  await client.cut();
  await eventually(() => bridge.openState().connections === connections);
  return point;
}

/** Comes back. @returns whether it was resumed, or the reason of the gap */
async function comeBack(url: string, caller: Caller, point: string): Promise<string> {
  const client = await connectCounting(url, caller, point);
  const gap = client.ready.resumed ? undefined : await client.next();
  await client.client.close();
  return gap === undefined ? 'resumed' : JSON.stringify((gap as { data: { reason: string } }).data.reason);
}

async function givenUp({ adminUrl }: TestBridge): Promise<string | undefined> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return /^ws_bridge_ring_evictions_total\{bound="subscriptions",streams="lingering"\} (\d+)$/m.exec(
    text,
  )?.[1];
}

describe('a bridge with as many channels as it may have', () => {
  it.each([
    ['plain', (url: string) => connect(url, BOB)],
    ['bridge.v1', (url: string) => connectCounting(url, BOB).then(({ client }) => client)],
  ])(
    'takes a %s client, and gives up the replay log without a socket that was left first',
    async (_, open) => {
      const bridge = await start(3);
      const points = [
        await leave(bridge, chatOf(bridge, 's1'), ALICE),
        await leave(bridge, chatOf(bridge, 's2'), ALICE),
      ];
      const stays = await connectCounting(chatOf(bridge, 's3'), EVE);
      const client = await open(dashboardOf(bridge, 'd1'));
      expect(await clientChannels(redis)).toEqual([
        'acme:dashboard:refresh:d1',
        'ai:stream:s2',
        'ai:stream:s3',
      ]);
      expect(await givenUp(bridge)).toBe('1');
      await redis.publish('acme:dashboard:refresh:d1', 'figures');
      expect(await client.nextText()).toBe('figures');
      await redis.publish('ai:stream:s3', 'token');
      expect(await stays.next()).toBe('token');
      expect(await comeBack(chatOf(bridge, 's2'), ALICE, points[1] ?? '')).toBe('resumed');
    },
  );

  it('tells a client whose replay log was given up that its frames are gone, also on another bridge', async () => {
    const [here, there] = [await start(1), await start(2)];
    const lost = await leave(here, chatOf(here, 's1'), ALICE);
    const dashboard = await leave(here, dashboardOf(here, 'd1'), ALICE);
    expect(await comeBack(chatOf(there, 's1'), ALICE, lost)).toBe('"expired"');
    await leave(here, chatOf(here, 's2'), BOB);
    expect(await comeBack(dashboardOf(there, 'd1'), ALICE, dashboard)).toBe('"expired"');
    expect(await comeBack(dashboardOf(here, 'd1'), ALICE, dashboard)).toBe('"expired"');
    const fresh = await connectCounting(dashboardOf(here, 'd1'), ALICE, dashboard);
    expect(fresh.ready.resumed).toBe(false);
    await fresh.client.close();
  });

  it.each(['here', 'there'])('says so %s to a page that asks for the oldest frame', async (where) => {
    const [here, there] = [await start(1), await start(2)];
    await leave(here, chatOf(here, 's1'), ALICE);
    await leave(here, chatOf(here, 's2'), BOB);
    expect(await comeBack(chatOf(where === 'here' ? here : there, 's1'), ALICE, 'oldest')).toBe('"expired"');
  });

  it('says of a point of nobody that it does not know it', async () => {
    const bridge = await start(1);
    const lost = await leave(bridge, dashboardOf(bridge, 'd1'), ALICE);
    await leave(bridge, chatOf(bridge, 's1'), ALICE);
    expect(await comeBack(dashboardOf(bridge, 'd1'), BOB, lost)).toBe('"unknown"');
  });

  it('gives up no replay log whose channel somebody else hears: that would free none', async () => {
    const bridge = await start(2);
    const first = await leave(bridge, dashboardOf(bridge, 'd1'), ALICE);
    const listens = await connect(dashboardOf(bridge, 'd1'), BOB);
    await leave(bridge, chatOf(bridge, 's1'), ALICE);
    await connectCounting(chatOf(bridge, 's2'), BOB);
    expect(await clientChannels(redis)).toEqual(['acme:dashboard:refresh:d1', 'ai:stream:s2']);
    expect(await givenUp(bridge)).toBe('1');
    expect(await comeBack(dashboardOf(bridge, 'd1'), ALICE, first)).toBe('resumed');
    await redis.publish('acme:dashboard:refresh:d1', 'figures');
    expect(await listens.nextText()).toBe('figures');
  });

  it('gives up all that linger on one channel, when nobody else hears it', async () => {
    const bridge = await start(1);
    await leave(bridge, dashboardOf(bridge, 'd1'), ALICE);
    await leave(bridge, dashboardOf(bridge, 'd1'), BOB);
    await connectCounting(chatOf(bridge, 's1'), EVE);
    expect(await clientChannels(redis)).toEqual(['ai:stream:s1']);
    expect(await givenUp(bridge)).toBe('2');
  });

  it('refuses an upgrade that needs one more than sockets leave', async () => {
    const bridge = await start(1);
    const chat = await connectCounting(chatOf(bridge, 's1'), ALICE);
    const answer = await askUpgrade(dashboardOf(bridge, 'd1'), await headersFor(BOB));
    expect([answer.status, await givenUp(bridge)]).toEqual([503, '0']);
    await chat.client.close();
  });

  it('takes as many chats at once as it may, again and again, in place of those that were left', async () => {
    const bridge = await start(5);
    for (let round = 0; round < 8; round += 1) {
      const batch: CountingClient[] = await Promise.all(
        Array.from({ length: 5 }, (_, index) => connectCounting(chatOf(bridge, `s${round}-${index}`), ALICE)),
      );
      await Promise.all(batch.map(({ client }) => client.cut()));
      await eventually(() => bridge.bridge.openState().connections === 0);
    }
    expect(bridge.bridge.openState()).toMatchObject({ channels: 5, streams: 5 });
    expect(await givenUp(bridge)).toBe('35');
  });
});
