import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import {
  askUpgrade,
  clientChannels,
  connect,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type TestBridge,
} from './fixture';

const ALICE = { tenant: 'acme', user: 'alice', roles: ['analyst'] };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'eve' };

let redis: RedisServer;
let publisher: Redis;
let a: TestBridge;
let b: TestBridge;

beforeAll(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
  a = await startBridge(redis.url, { BRIDGE_MAX_CONNECTIONS_PER_USER: '1000' });
  b = await startBridge(redis.url);
});
beforeEach(async () => {
  await publisher.flushall();
});
afterEach(async () => {
  await eventually(() =>
    [a, b].every(({ bridge }) => Object.values(bridge.openState()).every((n) => n === 0)),
  );
  await eventually(async () => (await clientChannels(publisher)).length === 0);
});
afterAll(async () => {
  await Promise.all([a.bridge.close(), b.bridge.close()]);
  publisher.disconnect();
  await redis.stop();
});

describe('AI response streaming', () => {
  it.each([
    ['a token', Buffer.from('{"type": "token", "data": {"token": "Revenue", "index": 0}}'), false],
    [
      'a completion',
      Buffer.from('{"type": "complete", "data": {"sql": "SELECT ...", "chartConfig": {}}}'),
      false,
    ],
    ['an error', Buffer.from('{"type": "error", "data": {"code": "QUERY_FAILED", "message": "..."}}'), false],
    ['UTF-8 in four bytes', Buffer.from('😀 𝒳'), false],
    ['an empty message', Buffer.alloc(0), false],
    ['1 MiB', Buffer.alloc(1024 * 1024, 'é'), false],
    ['bytes that are not UTF-8', Buffer.of(0xff, 0, 0xc3, 0x28), true],
  ])('relays %s byte for byte', async (_, bytes, binary) => {
    const client = await connect(`${a.url}/ws/ai/chat?session=s1`, ALICE);
    expect(await publisher.publish('ai:stream:s1', bytes)).toBe(1);
    const message = await client.next();
    expect(message.binary).toBe(binary);
    expect(message.data.equals(bytes)).toBe(true);
    await client.close();
  });

  it('misses nothing that is published once the client is open', async () => {
    for (let round = 0; round < 20; round += 1) {
      const client = await connect(`${a.url}/ws/ai/chat?session=r${round}`, ALICE);
      await publisher.publish(`ai:stream:r${round}`, 'first');
      expect(await client.nextText()).toBe('first');
      await client.close();
    }
  });

  it('belongs to the first (tenant, user) that opens it, on any bridge', async () => {
    const first = await connect(`${a.url}/ws/ai/chat?session=mine`, ALICE);
    const second = await connect(`${b.url}/ws/ai/chat?session=mine`, ALICE);
    for (const foreign of [BOB, EVE, { tenant: 'acme","alice', user: 'x' }]) {
      const answer = await askUpgrade(`${b.url}/ws/ai/chat?session=mine`, await headersFor(foreign));
      expect(answer).toMatchObject({ status: 403, body: '{"message":"the session is somebody else\'s"}' });
    }
    expect(await publisher.get('ai:session:mine')).toBe('["acme","alice"]');
    await Promise.all([first.close(), second.close()]);
    expect(await askUpgrade(`${a.url}/ws/ai/chat?session=mine`, await headersFor(EVE))).toMatchObject({
      status: 403,
    });
  });

  it('makes a session for who names none, a new one each time', async () => {
    const clients = [
      await connect(`${a.url}/ws/ai/chat`, ALICE),
      await connect(`${a.url}/ws/ai/chat`, ALICE),
    ];
    const channels = await clientChannels(publisher);
    expect(channels).toHaveLength(2);
    expect(channels.every((name) => /^ai:stream:[0-9a-f-]{36}$/.test(name))).toBe(true);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('keeps a claim for its TTL, counted anew from each use', async () => {
    const client = await connect(`${a.url}/ws/ai/chat?session=kept`, ALICE);
    const day = 86_400_000;
    expect(await publisher.pttl('ai:session:kept')).toBeGreaterThan(day - 60_000);
    await publisher.pexpire('ai:session:kept', 5000);
    const again = await connect(`${b.url}/ws/ai/chat?session=kept`, ALICE);
    expect(await publisher.pttl('ai:session:kept')).toBeGreaterThan(day - 60_000);
    await Promise.all([client.close(), again.close()]);
  });

  it('adds commands to the stream in order, as PROTOCOL.md §3 says', async () => {
    const caller = { ...ALICE, roles: ['analyst', 'viewer'] };
    const client = await connect(`${a.url}/ws/ai/chat?session=s1`, caller);
    const before = Date.now();
    for (let index = 0; index < 50; index += 1) {
      client.socket.send(JSON.stringify({ type: 'ask', data: { index }, id: `c${index}` }));
    }
    await eventually(async () => (await publisher.xlen('ai:commands')) === 50);
    const entries = (await publisher.xrange('ai:commands', '-', '+')).map(([, fields]) => toRecord(fields));
    expect(entries.map((entry) => entry['id'])).toEqual(Array.from({ length: 50 }, (_, i) => `c${i}`));
    expect(entries[7]).toEqual({
      tenant: 'acme',
      user: 'alice',
      roles: 'analyst,viewer',
      session: 's1',
      type: 'ask',
      data: '{"index":7}',
      id: 'c7',
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      time: expect.stringMatching(/^\d{13}$/) as string,
    });
    expect(Number(entries[7]?.['time'])).toBeGreaterThanOrEqual(before);
    await client.close();
  });

  it('answers a message that is no command with INVALID_COMMAND and adds nothing', async () => {
    const client = await connect(`${a.url}/ws/ai/chat`, ALICE);
    client.socket.send('not json');
    expect(await client.nextJson()).toEqual({
      type: 'error',
      data: { code: 'INVALID_COMMAND', message: 'expected JSON' },
    });
    client.socket.send('{"type":7,"id":"c1"}');
    expect(await client.nextJson()).toMatchObject({ data: { code: 'INVALID_COMMAND', id: 'c1' } });
    client.socket.send(Buffer.from('{"type":"ask"}'));
    expect(await client.nextJson()).toMatchObject({ data: { code: 'INVALID_COMMAND' } });
    expect(await publisher.xlen('ai:commands')).toBe(0);
    await client.close();
  });
});

describe('one-way routes', () => {
  it('relay what is published and answer every message with READ_ONLY', async () => {
    const client = await connect(`${a.url}/ws/bi/dashboards/d%2F1`, ALICE);
    await publisher.publish('acme:dashboard:refresh:d%2F1', 'refresh');
    expect(await client.nextText()).toBe('refresh');
    client.socket.send('hello');
    expect(await client.nextJson()).toEqual({
      type: 'error',
      data: { code: 'READ_ONLY', message: 'this route takes no messages' },
    });
    await client.close();
  });

  it('bring notifications of the tenant and of the user, and of no other user', async () => {
    const alice = await connect(`${a.url}/ws/notifications`, ALICE);
    const bob = await connect(`${a.url}/ws/notifications`, BOB);
    await publisher.publish('acme:notifications:alice', 'for alice');
    await publisher.publish('acme:notifications', 'for all');
    expect([await alice.nextText(), await alice.nextText()]).toEqual(['for alice', 'for all']);
    expect(await bob.nextText()).toBe('for all');
    await Promise.all([alice.close(), bob.close()]);
  });

  it('know a tenant and a user of any characters', async () => {
    const client = await connect(`${a.url}/ws/notifications`, { tenant: 'ü:*', user: '名', roles: ['é'] });
    await publisher.publish('%C3%BC%3A%2A:notifications:%E5%90%8D', 'hi');
    expect(await client.nextText()).toBe('hi');
    await client.close();
  });
});

describe('collaborative editing', () => {
  it('relays text as text and binary as binary to every other peer, across bridges, never back', async () => {
    const path = '/ws/collaboration/doc1';
    const [one, two, far] = await Promise.all([
      connect(`${a.url}${path}`, ALICE),
      connect(`${a.url}${path}`, BOB),
      connect(`${b.url}${path}`, ALICE),
    ]);
    one.socket.send('text é');
    for (const peer of [two, far]) {
      const got = await peer.next();
      expect([got.data.toString(), got.binary]).toEqual(['text é', false]);
    }
    far.socket.send(Buffer.from('valid UTF-8, yet binary'));
    for (const peer of [one, two]) {
      const got = await peer.next();
      expect([got.data.toString(), got.binary]).toEqual(['valid UTF-8, yet binary', true]);
    }
    two.socket.send('');
    for (const peer of [one, far]) expect(await peer.nextText()).toBe('');
    // Each gets the service's message next: nothing of its own came back before it.
    await publisher.publish('acme:collaboration:doc1', 'from a service');
    for (const peer of [one, two, far]) expect(await peer.nextText()).toBe('from a service');
    await Promise.all([one.close(), two.close(), far.close()]);
  });

  it('has one order for all peers', async () => {
    const path = '/ws/collaboration/order';
    const [one, two, listener, far] = await Promise.all([
      connect(`${a.url}${path}`, ALICE),
      connect(`${b.url}${path}`, BOB),
      connect(`${a.url}${path}`, BOB),
      connect(`${b.url}${path}`, ALICE),
    ]);
    for (let index = 0; index < 50; index += 1) {
      one.socket.send(`one ${index}`);
      two.socket.send(`two ${index}`);
    }
    const orders = await Promise.all([listener, far].map((peer) => take(100, () => peer.nextText())));
    expect(orders[0]).toEqual(orders[1]);
    expect(orders[0]?.filter((text) => text.startsWith('one'))).toEqual(
      Array.from({ length: 50 }, (_, index) => `one ${index}`),
    );
    await Promise.all([one.close(), two.close(), listener.close(), far.close()]);
  });
});

describe('1,000 sockets on one channel', () => {
  it('are one subscription, and nothing is left when they have gone', async () => {
    const url = `${a.url}/ws/bi/dashboards/busy`;
    const clients = [];
    for (let batch = 0; batch < 10; batch += 1) {
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => connect(url, ALICE)))));
    }
    // The channel has none, which each of them looks for.
    await eventually(() => a.bridge.openState().states === 0);
    expect(a.bridge.openState()).toEqual({
      ...EMPTY,
      connections: 1000,
      revocable: 1,
      cappedCallers: 2,
      channels: 1,
      heartbeats: 1000,
      deadlines: 1000,
    });
    expect(await publisher.pubsub('NUMSUB', 'acme:dashboard:refresh:busy')).toEqual([
      'acme:dashboard:refresh:busy',
      1,
    ]);
    await publisher.publish('acme:dashboard:refresh:busy', 'now');
    const got = await Promise.all(clients.map((client) => client.nextText()));
    expect(got.filter((text) => text === 'now')).toHaveLength(1000);
    // Half of them leave with a closing handshake, half are cut.
    for (const [index, client] of clients.entries()) {
      if (index % 2 === 0) client.socket.close();
      else client.socket.terminate();
    }
    await eventually(async () => (await clientChannels(publisher)).length === 0);
    await eventually(() => a.bridge.openState().connections === 0);
    expect(a.bridge.openState()).toEqual(EMPTY);
  });
});

function toRecord(fields: readonly string[]): Record<string, string> {
  const pairs = fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] ?? '']] : []));
  return Object.fromEntries(pairs) as Record<string, string>;
}

async function take<T>(count: number, next: () => Promise<T>): Promise<T[]> {
  const got: T[] = [];
  while (got.length < count) got.push(await next());
  return got;
}
