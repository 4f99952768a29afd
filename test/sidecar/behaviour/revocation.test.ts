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
import { parseRevocation } from '../../../sidecar/handshake/revocations';

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
    const from = Date.now();
    expect(await Promise.all([short.closed, counting.closed])).toEqual([4401, 4401]);
    expect(Date.now() - from).toBeLessThan(1000);
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
    const from = Date.now();
    await publisher.publish('ws:control', JSON.stringify({ type: 'revoke', ...whom }));
    for (const clients of perBridge) {
      for (const [index, client] of clients.entries()) {
        if (closed.includes(index)) expect(await client.closed).toBe(4401);
        else expect(client.socket.readyState).toBe(1);
      }
    }
    expect(Date.now() - from).toBeLessThan(1000);
    await publisher.publish('evil:notifications', 'still here');
    expect(await perBridge[1]?.[3]?.nextText()).toBe('still here');
  });

  it('reaches an upgrade that is on its way', async () => {
    const headers = await headersFor({ tenant: 'acme', user: 'alice', jti: 'j9' });
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
    const [before, others] = [await headersFor(caller), await headersFor({ ...caller, jti: 'j8' })];
    now += 1000;
    await publisher.publish('ws:control', '{"type":"revoke","jti":"j9"}');
    await eventually(() => bridges[0]?.logLines.some((line) => line.includes('"revoked"')) === true);
    now += 28_000;
    expect(await askUpgrade(url(0), before)).toMatchObject({ status: 401 });
    expect(await askUpgrade(url(0), others)).toMatchObject({ status: 101 });
  });

  it.each(['', 'null', '{', '[]', '{"type":"revoke"}', '{"type":"revoke","user":"alice"}', '\u00ff'])(
    'that reads %p is logged and ignored',
    async (text) => {
      const client = await connect(url(0), { tenant: 'acme', user: 'alice' });
      await publisher.publish('ws:control', text);
      await eventually(() => bridges[0]?.logLines.some((line) => line.includes('ignored')) === true);
      await publisher.publish('acme:notifications', 'still here');
      expect(await client.nextText()).toBe('still here');
    },
  );

  it('names a user only together with its tenant, and one kind of thing at a time', () => {
    expect(parseRevocation(Buffer.from('{"type":"revoke","jti":"a","tenant":"b"}'))).toBeUndefined();
    for (const who of ['"jti":""', '"tenant":""', '"tenant":"b","user":""'])
      expect(parseRevocation(Buffer.from(`{"type":"revoke",${who}}`))).toBeUndefined();
    expect(parseRevocation(Buffer.from('{"type":"revoke","tenant":"b"}'))).toEqual({
      type: 'revoke',
      tenant: 'b',
    });
  });

  it('takes an id that is an integer for its decimal digits, as the gatekeeper does', () => {
    const parse = (who: string) => parseRevocation(Buffer.from(`{"type":"revoke",${who}}`));
    expect(parse('"tenant":7,"user":-42')).toEqual({ type: 'revoke', tenant: '7', user: '-42' });
    expect(parse('"tenant":9007199254740991')).toEqual({ type: 'revoke', tenant: '9007199254740991' });
    expect(parse('"jti":12345')).toEqual({ type: 'revoke', jti: '12345' });
    // Parsed, this is another tenant.
    expect(parse('"tenant":9007199254740993')).toBeUndefined();
    for (const id of ['1.5', '1e400', 'null', 'true', '[7]', '{"id":7}']) {
      expect(parse(`"tenant":${id}`)).toBeUndefined();
      expect(parse(`"tenant":7,"user":${id}`)).toBeUndefined();
      expect(parse(`"jti":${id}`)).toBeUndefined();
    }
  });
});
