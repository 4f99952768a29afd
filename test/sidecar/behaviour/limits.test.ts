import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { BridgeProcess } from '../../fault/bridge-process';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  clientChannels,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  PATIENT,
  startBridge,
  type Answer,
  type Caller,
  type Client,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const PATH = '/ws/notifications';

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
  await Promise.all(bridges.map(({ bridge }) => bridge.close()));
  for (const { bridge } of bridges) assert.deepEqual(bridge.openState(), EMPTY);
  assert.deepEqual(await countKeys(), []);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function countKeys(): Promise<readonly string[]> {
  return redis.keys('ws:conn:*');
}

async function start(env: Readonly<Record<string, string>>): Promise<TestBridge> {
  const bridge = await startBridge(server.url, { BRIDGE_LINGER_MS: '0', ...env });
  bridges.push(bridge);
  return bridge;
}

async function refusal(bridge: TestBridge, caller: Caller = ALICE, path = PATH): Promise<Answer> {
  return askUpgrade(`${bridge.url}${path}`, await headersFor(caller));
}

/** Connects, again when the place that it needs is not yet given back. */
async function connectEventually(url: string, caller: Caller): Promise<Client> {
  let client: Client | undefined;
  await eventually(async () => {
    client = await connect(url, caller).catch(() => undefined);
    return client !== undefined;
  });
  if (client === undefined) throw new Error('expected a client');
  return client;
}

async function metrics({ adminUrl }: TestBridge): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`)).text();
}

const OF_THIS_USER = {
  status: 429,
  headers: { 'retry-after': '5', 'content-type': 'application/json' },
  body: '{"message":"too many open connections of this user"}',
};
const OF_THIS_TENANT = { status: 429, body: '{"message":"too many open connections of this tenant"}' };

describe('a bridge with as many connections as it may have', () => {
  it('refuses one more with 503, and takes it when another has closed', async () => {
    const bridge = await start({ BRIDGE_MAX_CONNECTIONS: '2' });
    const clients = await Promise.all([connect(bridge.url + PATH, ALICE), connect(bridge.url + PATH, BOB)]);
    expect(await refusal(bridge)).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: '{"message":"the bridge is full"}',
    });
    expect(await metrics(bridge)).toContain(
      'ws_bridge_upgrades_total{route="notifications",transport="websocket",outcome="full"} 1',
    );
    await clients[0].close();
    await (await connectEventually(bridge.url + PATH, ALICE)).close();
  });

  it('counts those on their way: of ten at once it admits two', async () => {
    const bridge = await start({ BRIDGE_MAX_CONNECTIONS: '2' });
    const clients = await Promise.allSettled(
      Array.from({ length: 10 }, () => connect(bridge.url + PATH, ALICE)),
    );
    expect(clients.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(bridge.bridge.openState()).toMatchObject({ connections: 2, cappedCallers: 2 });
  });
});

describe('a user with as many connections as it may have, on all bridges together', () => {
  it('is refused one more with 429, takes nothing with it, and gets a place when another has closed', async () => {
    const env = { BRIDGE_MAX_CONNECTIONS_PER_USER: '2' };
    const [a, b] = [await start(env), await start(env)];
    const first = await connect(a.url + PATH, ALICE);
    await connect(b.url + PATH, ALICE);
    for (const bridge of [a, b]) expect(await refusal(bridge)).toMatchObject(OF_THIS_USER);
    expect(await refusal(a, ALICE, '/ws/bi/dashboards/d1')).toMatchObject(OF_THIS_USER);
    expect(await clientChannels(redis)).not.toContain('acme:dashboard:refresh:d1');
    expect(await metrics(a)).toContain(
      'ws_bridge_upgrades_total{route="notifications",transport="websocket",outcome="too_many_connections"} 1',
    );
    for (const caller of [BOB, { tenant: 'evil', user: 'alice' }])
      await (await connect(b.url + PATH, caller)).close();
    await first.cut();
    await connectEventually(b.url + PATH, ALICE);
  });

  it('may come back before it leaves: two places are enough to resume', async () => {
    const bridge = await start({ BRIDGE_MAX_CONNECTIONS_PER_USER: '2' });
    for (let token = 0; token < 10; token += 1) {
      const old = await connectCounting(bridge.url + PATH, ALICE);
      const renewed = await connectCounting(bridge.url + PATH, ALICE, old.point);
      expect(renewed.ready.resumed).toBe(true);
      await Promise.all([old.client.close(), renewed.client.close()]);
      await eventually(() => bridge.bridge.openState().cappedCallers === 0);
    }
  });

  it('gets the last place on one of two bridges that race for it', async () => {
    const env = { BRIDGE_MAX_CONNECTIONS_PER_USER: '1' };
    const [a, b] = [await start(env), await start(env)];
    for (let round = 0; round < 20; round += 1) {
      const racers = await Promise.allSettled([a, b, a, b].map(({ url }) => connect(url + PATH, ALICE)));
      const winners = racers.filter((racer) => racer.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      await winners[0]?.value.close();
      await eventually(async () => (await countKeys()).length === 0);
    }
  });

  it('is refused it after a Redis restart that lost the counts, as soon as the bridges have reached it', async () => {
    const env = { BRIDGE_MAX_CONNECTIONS_PER_USER: '2' };
    const [a, b] = [await start(env), await start(env)];
    const clients = [await connect(a.url + PATH, ALICE), await connect(b.url + PATH, ALICE)];
    await server.restart();
    await eventually(async () => (await redis.hlen('ws:conn:{acme}:alice').catch(() => 0)) === 2);
    await eventually(async () => (await refusal(a)).status !== 503);
    expect(await refusal(a)).toMatchObject(OF_THIS_USER);
    for (const client of clients) expect(client.socket.readyState).toBe(1);
  });

  it('has the places of a bridge that was killed when its lease is over', async () => {
    const env = { BRIDGE_MAX_CONNECTIONS_PER_USER: '1', BRIDGE_CONNECTION_LEASE_MS: '4000' };
    const killed = await BridgeProcess.start(server.url, { ...PATIENT, ...env });
    const other = await start(env);
    const first = await connect(`ws://127.0.0.1:${killed.port}${PATH}`, ALICE);
    // Kept well beyond a lease by a bridge that lives.
    const end = await leaseEnd();
    await eventually(async () => (await leaseEnd()) > end + 4000);
    expect(await refusal(other)).toMatchObject(OF_THIS_USER);
    killed.signal('SIGKILL');
    expect(await first.closed).toBe(1006);
    await (await connectEventually(other.url + PATH, ALICE)).close();
    // The tenant's count knows of the killed bridge until its own lease is over.
    await eventually(async () => (await countKeys()).length === 0);
  });
});

async function leaseEnd(): Promise<number> {
  const [value] = await redis.hvals('ws:conn:{acme}:alice');
  return Number(value?.split(' ')[1]);
}

describe('a tenant with as many connections as it may have', () => {
  it('is refused one more with 429, whoever of its users asks', async () => {
    const env = { BRIDGE_MAX_CONNECTIONS_PER_TENANT: '2' };
    const [a, b] = [await start(env), await start(env)];
    await connect(a.url + PATH, ALICE);
    await connect(b.url + PATH, BOB);
    expect(await refusal(a, { tenant: 'acme', user: 'carol' })).toMatchObject(OF_THIS_TENANT);
    await (await connect(a.url + PATH, { tenant: 'evil', user: 'eve' })).close();
  });
});

describe('a command of more values than it may hold', () => {
  it('is refused under its id and not added, and the next one is', async () => {
    const bridge = await start({ BRIDGE_MAX_COMMAND_VALUES: '5' });
    const client = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    client.socket.send('{"type":"ask","data":[1,2],"id":"c1"}');
    expect(await client.nextJson()).toEqual({
      type: 'error',
      data: {
        code: 'INVALID_COMMAND',
        message:
          'expected at most 5 values, each array, object, number, string and literal of the command counted',
        id: 'c1',
      },
    });
    client.socket.send('{"type":"ask","data":[1]}');
    await eventually(async () => (await redis.xlen('ai:commands')) > 0);
    const entries = await redis.xrange('ai:commands', '-', '+');
    expect(entries).toHaveLength(1);
    expect(entries[0]?.[1]).toContain('[1]');
    await client.close();
  });
});

describe('an upgrade that is refused or fails', () => {
  it('keeps no place, whatever it was refused for', async () => {
    const bridge = await start({ BRIDGE_MAX_CONNECTIONS_PER_USER: '1' });
    await (await connect(`${bridge.url}/ws/ai/chat?session=s1`, ALICE)).close();
    for (let round = 0; round < 3; round += 1) {
      expect(await refusal(bridge, BOB, '/ws/ai/chat?session=s1')).toMatchObject({ status: 403 });
    }
    await connectEventually(`${bridge.url}/ws/ai/chat`, BOB);
    expect(await refusal(bridge, BOB)).toMatchObject(OF_THIS_USER);
  });

  it('asks Redis for no place when there is no limit', async () => {
    const env = { BRIDGE_MAX_CONNECTIONS_PER_USER: '0', BRIDGE_MAX_CONNECTIONS_PER_TENANT: '0' };
    const bridge = await start({ ...env, BRIDGE_MAX_CONNECTIONS: '0', BRIDGE_MAX_SUBSCRIPTIONS: '0' });
    await connect(bridge.url + PATH, ALICE);
    expect([await countKeys(), bridge.bridge.openState().cappedCallers]).toEqual([[], 0]);
  });
});

describe('a bridge with as many channels as it may have', () => {
  it.each([
    ['plain', []],
    ['bridge.v1', ['bridge.v1']],
  ])('refuses a %s client that needs one more with 503, and no other', async (_, offers) => {
    const bridge = await start({ BRIDGE_MAX_SUBSCRIPTIONS: '2' });
    const dashboard = (id: string): string => `${bridge.url}/ws/bi/dashboards/${id}`;
    const clients = [await connect(dashboard('d1'), ALICE, offers), await connect(dashboard('d1'), BOB)];
    const headers = { ...(await headersFor(ALICE)), 'Sec-WebSocket-Protocol': offers.join() };
    const { 'Sec-WebSocket-Protocol': protocol, ...plain } = headers;
    const answer = await askUpgrade(bridge.url + PATH, protocol === '' ? plain : headers);
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: '{"message":"the bridge has no room for another channel"}',
    });
    expect(await clientChannels(redis)).toEqual(['acme:dashboard:refresh:d1']);
    expect(await metrics(bridge)).toContain('outcome="full"} 1');
    clients.push(await connect(dashboard('d2'), ALICE, offers));
    clients.push(await connect(dashboard('d1'), BOB, offers));
    expect(await clientChannels(redis)).toEqual(['acme:dashboard:refresh:d1', 'acme:dashboard:refresh:d2']);
    await Promise.all(clients.map((client) => client.close()));
    await eventually(() => bridge.bridge.openState().channels === 0);
    await (await connect(bridge.url + PATH, ALICE, offers)).close();
  });
});
