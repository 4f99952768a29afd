import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  eventually,
  headersFor,
  startBridge,
  type TestBridge,
} from '../fixture';

const NOTIFICATIONS = '/ws/notifications';

let redis: RedisServer;
let publisher: Redis;
let bridges: readonly TestBridge[];
let now: number;

beforeAll(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
});
beforeEach(async () => {
  now = Date.now();
  bridges = [await startBridge(redis.url, {}, () => now), await startBridge(redis.url, {}, () => now)];
});
afterEach(async () => {
  await Promise.all(bridges.map(({ bridge }) => bridge.close()));
});
afterAll(async () => {
  publisher.disconnect();
  await redis.stop();
});

function url(index: number): string {
  return `${bridges[index]?.url ?? ''}${NOTIFICATIONS}`;
}

describe('a socket', () => {
  it("is closed with 4401 at its token's exp, and not before", async () => {
    const exp = Math.floor(now / 1000) + 60;
    const [earlier, short, counting, long] = [
      await connect(url(0), { tenant: 'acme', user: 'u', exp: exp - 30 }),
      await connect(url(0), { tenant: 'acme', user: 'u', exp }),
      (await connectCounting(url(0), { tenant: 'acme', user: 'u', exp })).client,
      await connect(url(0), { tenant: 'acme', user: 'u', exp: exp + 60 }),
    ];
    now = exp * 1000 - 1;
    // The wheel has come as far as that when it has closed this one.
    expect(await earlier.closed).toBe(4401);
    await publisher.publish('acme:notifications', 'still here');
    for (const client of [short, counting, long]) expect(await client.nextText()).toBe('still here');
    now = exp * 1000 + 250;
    expect(await Promise.all([short.closed, counting.closed])).toEqual([4401, 4401]);
    expect(long.socket.readyState).toBe(1);
  });

  it('whose token has ended can do nothing while it takes its time to go', async () => {
    const client = await connect(`${bridges[0]?.url ?? ''}/ws/ai/chat`, { tenant: 'acme', user: 'u' });
    await publisher.del('ai:commands');
    client.socket.pause();
    await publisher.publish('ws:control', '{"type":"revoke","tenant":"acme"}');
    await eventually(() => bridges[0]?.logLines.some((line) => line.includes('"revoked"')) === true);
    client.socket.send('{"type":"ask"}');
    client.socket.resume();
    expect(await client.closed).toBe(4401);
    await eventually(() => bridges[0]?.bridge.openState().connections === 0);
    expect(await publisher.xlen('ai:commands')).toBe(0);
  });
});

describe('a client that is told to go', () => {
  it('and does not answer is cut', async () => {
    const client = await connect(url(0), { tenant: 'acme', user: 'u' });
    client.socket.pause();
    await publisher.publish('ws:control', '{"type":"revoke","tenant":"acme"}');
    await eventually(() => bridges[0]?.logLines.some((line) => line.includes('"revoked"')) === true);
    now += 6000;
    await eventually(() => bridges[0]?.bridge.openState().connections === 0);
    client.socket.resume();
    expect(await client.closed).toBe(4401);
  });
});

describe('a revocation', () => {
  const CALLERS = [
    { tenant: 'acme', user: 'alice', jti: 'j1' },
    { tenant: 'acme', user: 'alice', jti: 'j2' },
    { tenant: 'acme', user: 'bob' },
    { tenant: 'evil', user: 'alice', jti: 'j3' },
  ];

  it.each([
    ['a token', { jti: 'j1' }, [0]],
    ["a tenant's user", { tenant: 'acme', user: 'alice' }, [0, 1]],
    ['a tenant', { tenant: 'acme' }, [0, 1, 2]],
  ])('of %s closes its sockets with 4401 on every bridge, and no others', async (_, whom, closed) => {
    const perBridge = await Promise.all(
      [0, 1].map((index) => Promise.all(CALLERS.map((caller) => connect(url(index), caller)))),
    );
    await publisher.publish('ws:control', JSON.stringify({ type: 'revoke', ...whom }));
    for (const clients of perBridge) {
      for (const [index, client] of clients.entries()) {
        if (closed.includes(index)) expect(await client.closed).toBe(4401);
        else expect(client.socket.readyState).toBe(1);
      }
    }
    await publisher.publish('evil:notifications', 'still here');
    expect(await perBridge[1]?.[3]?.nextText()).toBe('still here');
  });

  it('of a right to a path closes the sockets there with 4403, in whichever spelling, and no others', async () => {
    const docs = (index: number, id: string): string => `${bridges[index]?.url ?? ''}/ws/collaboration/${id}`;
    const [alice, bob] = [
      { tenant: 'acme', user: 'alice', jti: 'j1' },
      { tenant: 'acme', user: 'bob', jti: 'j2' },
    ];
    const meant = [await connect(docs(0, 'd1'), alice), await connect(docs(1, 'd%31'), alice)];
    const others = [
      await connect(docs(0, 'd1'), bob),
      await connect(docs(0, 'd2'), alice),
      await connect(url(1), alice),
      await connect(docs(0, 'd1'), { ...alice, tenant: 'evil' }),
    ];
    await publisher.publish(
      'ws:control',
      '{"type":"revoke","tenant":"acme","user":"alice","path":"/ws/collaboration/%641"}',
    );
    expect(await Promise.all(meant.map(({ closed }) => closed))).toEqual([4403, 4403]);
    for (const { socket } of others) expect(socket.readyState).toBe(1);
    await publisher.publish('ws:control', '{"type":"revoke","tenant":"acme","path":"/ws/collaboration/d1"}');
    expect(await others[0]?.closed).toBe(4403);
    for (const { socket } of others.slice(1)) expect(socket.readyState).toBe(1);
  });

  it('of all of a user but one token leaves the sockets of that token', async () => {
    const alice = { tenant: 'acme', user: 'alice' };
    const kept = [
      await connect(url(0), { ...alice, jti: 'j1' }),
      await connect(url(1), { ...alice, jti: 'j1' }),
      await connect(url(0), { tenant: 'acme', user: 'bob', jti: 'j2' }),
    ];
    const closed = [
      await connect(url(0), { ...alice, jti: 'j2' }),
      await connect(url(1), { ...alice, jti: 'j3' }),
      await connect(url(1), alice),
    ];
    const before = {
      kept: await headersFor({ ...alice, jti: 'j1' }, now),
      other: await headersFor({ ...alice, jti: 'j2' }, now),
    };
    await publisher.publish('ws:control', '{"type":"revoke","tenant":"acme","user":"alice","except":"j1"}');
    expect(await Promise.all(closed.map((client) => client.closed))).toEqual([4401, 4401, 4401]);
    for (const { socket } of kept) expect(socket.readyState).toBe(1);
    expect(await askUpgrade(url(0), before.other)).toMatchObject({ status: 401 });
    expect(await askUpgrade(url(0), before.kept)).toMatchObject({ status: 101 });
  });

  it('of a right to a path refuses with 403 the upgrades there that were admitted before it', async () => {
    const alice = { tenant: 'acme', user: 'alice' };
    const [there, elsewhere] = [await headersFor(alice, now), await headersFor(alice, now)];
    await publisher.publish(
      'ws:control',
      '{"type":"revoke","tenant":"acme","user":"alice","path":"/ws/notifications"}',
    );
    await eventually(() => bridges[0]?.logLines.some((line) => line.includes('"revoked"')) === true);
    expect(await askUpgrade(url(0), there)).toMatchObject({
      status: 403,
      body: '{"message":"the right to this path was revoked"}',
    });
    const chat = `${bridges[0]?.url ?? ''}/ws/ai/chat`;
    expect(await askUpgrade(chat, elsewhere)).toMatchObject({ status: 101 });
  });

  it('is told in the log and in the metrics with how many it closed', async () => {
    const alice = { tenant: 'acme', user: 'alice' };
    const clients = [await connect(url(0), alice), await connect(url(0), alice)];
    await publisher.publish('ws:control', '{"type":"revoke","tenant":"acme","user":"alice"}');
    for (const client of clients) expect(await client.closed).toBe(4401);
    expect(bridges[0]?.logLines.find((line) => line.includes('"revoked"'))).toContain('"closed":2');
    const metrics = await (await fetch(`${bridges[0]?.adminUrl ?? ''}/metrics`)).text();
    expect(metrics).toContain('ws_bridge_revoked_connections_total{order="revoke"} 2');
  });

  it('reaches an upgrade that is on its way', async () => {
    const headers = await headersFor({ tenant: 'acme', user: 'alice', jti: 'j9' }, now);
    process.kill(redis.pid, 'SIGSTOP');
    const answer = askUpgrade(`${bridges[0]?.url ?? ''}/ws/ai/chat`, headers);
    // Its caller is known, and its claims have left the bridge.
    await eventually(() => bridges[0]?.bridge.openState().cappedCallers === 2);
    // Redis hears of both in one turn, the subscription comes in the next.
    const published = publisher.publish('ws:control', '{"type":"revoke","jti":"j9"}');
    process.kill(redis.pid, 'SIGCONT');
    await published;
    expect(await answer).toMatchObject({ status: 401, body: '{"message":"the token was revoked"}' });
  });

  it('reaches an upgrade that the gatekeeper admitted before it', async () => {
    const caller = { tenant: 'acme', user: 'alice', jti: 'j9' };
    const [before, others] = [await headersFor(caller, now), await headersFor({ ...caller, jti: 'j8' }, now)];
    now += 1000;
    await publisher.publish('ws:control', '{"type":"revoke","jti":"j9"}');
    await eventually(() => bridges[0]?.logLines.some((line) => line.includes('"revoked"')) === true);
    now += 28_000;
    expect(await askUpgrade(url(0), before)).toMatchObject({ status: 401 });
    expect(await askUpgrade(url(0), others)).toMatchObject({ status: 101 });
  });

  it.each([
    '',
    'null',
    '{',
    '[]',
    '{"type":"revoke"}',
    '{"type":"revoke","user":"alice"}',
    '\u00ff',
    '{"type":"revoke","tenant":"acme","path":"ws"}',
    '{"type":"reauthorize","jti":"j1"}',
  ])('that reads %p is logged and ignored', async (text) => {
    const client = await connect(url(0), { tenant: 'acme', user: 'alice' });
    await publisher.publish('ws:control', text);
    await eventually(() => bridges[0]?.logLines.some((line) => line.includes('ignored')) === true);
    await publisher.publish('acme:notifications', 'still here');
    expect(await client.nextText()).toBe('still here');
  });
});

describe('sockets whose clients are to be judged anew', () => {
  const ALICE = { tenant: 'acme', user: 'alice' };
  const heard = (index: number, times: number): Promise<void> =>
    eventually(
      () => bridges[index]?.logLines.filter((line) => line.includes('judged anew')).length === times,
    );

  it('are closed with 4401 once upgrades of theirs are admitted again, and no others', async () => {
    const meant = [await connect(url(0), ALICE), await connect(url(1), ALICE)];
    const other = await connect(url(0), { ...ALICE, user: 'bob' });
    const before = await headersFor(ALICE, now);
    await publisher.publish('ws:control', '{"type":"reauthorize","tenant":"acme","user":"alice"}');
    await Promise.all([heard(0, 1), heard(1, 1)]);
    now += 5000;
    expect(await askUpgrade(url(0), before)).toMatchObject({ status: 401 });
    expect(meant.map(({ socket }) => socket.readyState)).toEqual([1, 1]);
    now += 1500;
    expect(await Promise.all(meant.map(({ closed }) => closed))).toEqual([4401, 4401]);
    expect(await askUpgrade(url(0), await headersFor(ALICE, now))).toMatchObject({ status: 101 });
    expect(other.socket.readyState).toBe(1);
  });

  it('are closed no later for being told again', async () => {
    const client = await connect(url(0), ALICE);
    await publisher.publish('ws:control', '{"type":"reauthorize","tenant":"acme"}');
    await heard(0, 1);
    now += 3000;
    await publisher.publish('ws:control', '{"type":"reauthorize","tenant":"acme","user":"alice"}');
    await heard(0, 2);
    now += 3500;
    expect(await client.closed).toBe(4401);
  });

  it('end with their tokens where those end sooner', async () => {
    const exp = Math.floor(now / 1000) + 60;
    const client = await connect(url(0), { ...ALICE, exp });
    now = exp * 1000 - 1000;
    await publisher.publish('ws:control', '{"type":"reauthorize","tenant":"acme"}');
    await heard(0, 1);
    now = exp * 1000 + 250;
    expect(await client.closed).toBe(4401);
  });

  it('can be revoked meanwhile', async () => {
    const client = await connect(url(0), ALICE);
    await publisher.publish('ws:control', '{"type":"reauthorize","tenant":"acme"}');
    await publisher.publish('ws:control', '{"type":"revoke","tenant":"acme","path":"/ws/notifications"}');
    expect(await client.closed).toBe(4403);
  });
});

describe('a service that asks who is connected', () => {
  it('is told by every bridge, and of that tenant alone', async () => {
    const alice = { tenant: 'acme', user: 'alice' };
    await connect(url(0), alice);
    await connect(`${bridges[0]?.url ?? ''}/ws/ai/chat`, alice);
    await connect(url(1), { ...alice, user: 'bob' });
    await connect(url(1), { ...alice, tenant: 'evil' });
    const answers: Record<string, unknown>[] = [];
    const service = publisher.duplicate();
    await service.subscribe('ws:reply:admin');
    service.on('message', (_: string, text: string) => answers.push(JSON.parse(text) as never));
    const heard = await publisher.publish(
      'ws:control',
      '{"type":"list","id":"q1","reply":"admin","tenant":"acme"}',
    );
    await eventually(() => answers.filter(({ last }) => last === true).length === heard);
    service.disconnect();
    expect(heard).toBe(2);
    expect(answers.every(({ id }) => id === 'q1')).toBe(true);
    expect(answers.flatMap(({ users }) => users)).toEqual(
      expect.arrayContaining([
        { user: 'alice', routes: { notifications: 1, 'ai-chat': 1 } },
        { user: 'bob', routes: { notifications: 1 } },
      ]),
    );
    expect(answers.flatMap(({ users }) => users)).toHaveLength(2);
  });
});
