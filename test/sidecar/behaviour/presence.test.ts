import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { BridgeProcess } from '../../fault/bridge-process';
import { makeOwnFolder } from '../../fakes/own-folder';
import { openStream } from '../../fakes/event-source';
import {
  askUpgrade,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  PATIENT,
  startBridge,
  type Caller,
  type TestBridge,
} from '../fixture';
import { payloadSchema } from '../../docs/asyncapi-document';
import { TOPOLOGIES, type TestRedis } from '../topologies';
import { entryOf, type PresenceEntry } from '../presence/fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'alice' };

jest.setTimeout(60_000);

function routesFile(): string {
  const file = join(makeOwnFolder('routes-').path, 'routes.json');
  const routes = [
    {
      ...{ name: 'chat', path: '/ws/ai/chat', channels: ['ai:stream:{session}'] },
      ...{ messages: 'commands', session: true, presence: true },
    },
    {
      ...{ name: 'board', path: '/ws/bi/dashboards/{id}', channels: ['{tenant}:dashboard:refresh:{id}'] },
      ...{ messages: 'refuse', presence: true },
    },
    { name: 'quiet', path: '/ws/quiet/{id}', channels: ['{tenant}:quiet:{id}'], messages: 'refuse' },
  ];
  writeFileSync(file, JSON.stringify({ routes }));
  return file;
}

const ENV = {
  BRIDGE_ROUTES_FILE: routesFile(),
  BRIDGE_PRESENCE_LINGER_MS: '2000',
};
/** Who comes back does so in time on a slow machine too. */
const IN_TIME = { BRIDGE_PRESENCE_LINGER_MS: '6000' };

function board(type: string, id: string, tenant = 'acme'): PresenceEntry {
  const channel = `${tenant}:dashboard:refresh:${id}`;
  return { type, tenant, route: 'board', channel, params: JSON.stringify({ id }) };
}

function chat(type: string, session: string): PresenceEntry {
  const channel = `ai:stream:${session}`;
  return { type, tenant: 'acme', route: 'chat', channel, params: '{}', session };
}

/** Whether docs/asyncapi.yaml has such an entry. */
const isDocumented = payloadSchema('presence');

describe.each(TOPOLOGIES)('on %s, a route with presence', (_topology, startTopology) => {
  let redis: TestRedis;
  let bridges: TestBridge[];
  const start = async (env: Readonly<Record<string, string>> = {}): Promise<TestBridge> => {
    const bridge = await startBridge(redis.url, { ...ENV, ...env });
    bridges.push(bridge);
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    return bridge;
  };
  const entries = async (stream = 'ws:presence'): Promise<readonly PresenceEntry[]> =>
    (await redis.entries(stream)).map(entryOf);
  /** Waits for so many entries. */
  const told = async (count: number, stream?: string): Promise<readonly PresenceEntry[]> => {
    await eventually(async () => (await entries(stream)).length >= count);
    const all = await entries(stream);
    for (const entry of all) assert.ok(isDocumented(entry), JSON.stringify(entry));
    return all;
  };

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
  afterAll(() => redis.stop());

  it('tells of the first listener and of the last one that has gone, over all bridges and transports', async () => {
    const [here, there] = [await start(), await start()];
    const url = `${here.url}/ws/bi/dashboards/d1`;
    const plain = await connect(url, ALICE);
    expect(await told(1)).toEqual([board('joined', 'd1')]);
    const stream = await openStream(url, await headersFor({ ...BOB, path: '/ws/bi/dashboards/d1' }));
    const other = await connectCounting(`${there.url}/ws/bi/dashboards/d1`, BOB);
    await plain.close();
    await stream.cut();
    await other.client.cut();
    expect(await told(2)).toEqual([board('joined', 'd1'), board('left', 'd1')]);
  });

  it('tells nothing while one listens, nor of one who comes back to another bridge in time', async () => {
    const [here, there] = [await start(IN_TIME), await start(IN_TIME)];
    const stays = await openStream(
      `${here.url}/ws/bi/dashboards/d1`,
      await headersFor({ ...ALICE, path: '/ws/bi/dashboards/d1' }),
    );
    await (await connect(`${there.url}/ws/bi/dashboards/d1`, BOB)).close();
    await (await connect(`${here.url}/ws/ai/chat?session=s1`, ALICE)).close();
    const back = await connect(`${there.url}/ws/ai/chat?session=s1`, ALICE);
    const later = await connect(`${there.url}/ws/bi/dashboards/d2`, BOB);
    // One who goes while a call to Redis is under way was never told of.
    await told(3);
    await later.close();
    // By the time that a third has been gone for long enough, so would the others have been.
    expect(await told(4)).toEqual([
      board('joined', 'd1'),
      chat('joined', 's1'),
      board('joined', 'd2'),
      board('left', 'd2'),
    ]);
    await Promise.all([stays.cut(), back.close()]);
    expect((await told(6)).slice(4).map(({ type }) => type)).toEqual(['left', 'left']);
  });

  it('tells of the listeners of a bridge that was killed, once its lease is over', async () => {
    const lease = { BRIDGE_CONNECTION_LEASE_MS: '6000' };
    const dead = await BridgeProcess.start(redis.url, { ...PATIENT, ...ENV, ...lease });
    await eventually(() => dead.isReady());
    const other = await start(lease);
    const lost = await connect(`ws://127.0.0.1:${dead.port}/ws/bi/dashboards/d1`, ALICE);
    const both = await connect(`ws://127.0.0.1:${dead.port}/ws/bi/dashboards/d2`, ALICE);
    const stays = await connect(`${other.url}/ws/bi/dashboards/d2`, BOB);
    await told(2);
    dead.signal('SIGKILL');
    await Promise.all([dead.ended, lost.closed, both.closed]);
    expect(await told(3)).toEqual([board('joined', 'd1'), board('joined', 'd2'), board('left', 'd1')]);
    await stays.close();
    expect((await told(4)).at(-1)).toEqual(board('left', 'd2'));
  });

  it('tells of a bridge that ends as of any other, and says so before it ends', async () => {
    const [ends, other] = [await start(IN_TIME), await start(IN_TIME)];
    const client = await connect(`${ends.url}/ws/bi/dashboards/d1`, ALICE);
    await told(1);
    await Promise.all([ends.bridge.close(), client.closed]);
    expect(await redis.keys('{ws:presence}:.hearing')).toEqual([]);
    const back = await connect(`${other.url}/ws/bi/dashboards/d1`, ALICE);
    await back.close();
    expect(await told(2)).toEqual([board('joined', 'd1'), board('left', 'd1')]);
  });

  it('keeps topics of tenants apart, and tells nothing of a caller who is refused', async () => {
    const { url, bridge } = await start();
    const own = await connect(`${url}/ws/ai/chat?session=s1`, ALICE);
    await told(1);
    const ask = async (path: string, caller: Caller): Promise<number> =>
      (await askUpgrade(`${url}${path}`, await headersFor(caller))).status;
    expect(await ask('/ws/ai/chat?session=s1', EVE)).toBe(403);
    expect(await ask('/ws/bi/dashboards/d1', { ...EVE, path: '/ws/elsewhere' })).toBe(401);
    await eventually(() => bridge.openState().connections === 1);
    const eve = await connect(`${url}/ws/bi/dashboards/d1`, EVE);
    expect(await told(2)).toEqual([chat('joined', 's1'), board('joined', 'd1', 'evil')]);
    await Promise.all([own.close(), eve.close()]);
  });

  it('has the ids of a client as they are, and its channel escaped', async () => {
    const { url } = await start();
    const caller = { tenant: 'a:b{c}', user: 'u' };
    const client = await connect(`${url}/ws/bi/dashboards/${encodeURIComponent('x:y"} *')}`, caller);
    expect(await told(1)).toEqual([
      {
        ...board('joined', ''),
        tenant: 'a:b{c}',
        channel: 'a%3Ab%7Bc%7D:dashboard:refresh:x%3Ay%22%7D%20%2A',
        params: '{"id":"x:y\\"} *"}',
      },
    ]);
    await client.close();
  });

  it('tells under the prefix, with none in an entry', async () => {
    const { url } = await start({ BRIDGE_CHANNEL_PREFIX: 'staging:' });
    const client = await connect(`${url}/ws/bi/dashboards/d1`, ALICE);
    expect(await told(1, 'staging:ws:presence')).toEqual([board('joined', 'd1')]);
    expect(await redis.keys('*ws:presence}*')).toContain('staging:{staging:ws:presence}:.topics');
    await client.close();
  });

  it('costs a route without it nothing', async () => {
    const { url, bridge } = await start();
    const client = await connect(`${url}/ws/quiet/q1`, ALICE);
    expect(bridge.openState().topics).toBe(0);
    const other = await connect(`${url}/ws/bi/dashboards/d1`, ALICE);
    expect(await told(1)).toEqual([board('joined', 'd1')]);
    await Promise.all([client.close(), other.close()]);
  });

  it('is counted in the metrics', async () => {
    const { url, adminUrl } = await start();
    const client = await connect(`${url}/ws/bi/dashboards/d1`, ALICE);
    const series = async (outcome: string): Promise<boolean> =>
      (await (await fetch(`${adminUrl}/metrics`)).text()).includes(
        `ws_bridge_presence_total{outcome="${outcome}"} 1\n`,
      );
    await eventually(() => series('joined'));
    await client.close();
    await eventually(() => series('left'));
    expect(await told(2)).toHaveLength(2);
  });
});
