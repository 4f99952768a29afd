import { Redis } from 'ioredis';
import fc from 'fast-check';
import { canonicalPath } from '../../../protocol/path';
import { askStream, openStream, StreamClient, type NoStream } from '../../fakes/event-source';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connect,
  connectCounting,
  eventually,
  headersFor,
  startBridge,
  type Caller,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice', roles: ['analyst'] };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'alice' };
const CHAT = '/ws/ai/chat?session=s1';
const DOCUMENT = '/ws/collaboration/d1';

let server: RedisServer;
let redis: Redis;
const started: TestBridge[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map(({ bridge }) => bridge.close()));
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function start(env: Record<string, string> = {}): Promise<TestBridge> {
  const bridge = await startBridge(server.url, env);
  started.push(bridge);
  return bridge;
}

async function post(
  url: string,
  caller: Caller,
  body: string | Buffer,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<NoStream> {
  const own = await headersFor({ path: canonicalPath(new URL(url).pathname), ...caller });
  const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream';
  const answer = await askStream(url, { ...own, 'Content-Type': type, ...headers }, 'POST', body);
  if (answer instanceof StreamClient) throw new Error('expected no stream');
  return answer;
}

async function entries(): Promise<readonly Record<string, string>[]> {
  return (await redis.xrange('ai:commands', '-', '+')).map(([, fields]) =>
    Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i] ?? '', fields[2 * i + 1] ?? '']),
    ),
  );
}

/** A session belongs to whom opened it. */
async function openSession(url: string, caller: Caller = ALICE): Promise<void> {
  await (await connect(url + CHAT, caller)).close();
}

describe('a command that is posted', () => {
  it("is in the stream once it is answered with 202 and its ack, in the form of a socket's", async () => {
    const { url } = await start();
    await openSession(url);
    const command = '{"type":"message","data":{"text":"Umsatz?",  "n":1.50}}';
    const answer = await post(url + CHAT, ALICE, command, { 'Idempotency-Key': 'c1' });
    expect(answer).toMatchObject({ status: 202, body: '{"type":"bridge.ack","data":{"id":"c1"}}' });
    expect(await entries()).toMatchObject([
      {
        ...{ tenant: 'acme', user: 'alice', roles: 'analyst', session: 's1', type: 'message', id: 'c1' },
        data: '{"text":"Umsatz?",  "n":1.50}',
      },
    ]);
  });

  it("happens once for one key, whichever bridge it is posted to, and also as a socket's", async () => {
    const bridges = [await start(), await start()];
    await openSession(bridges[0]?.url ?? '');
    for (const { url } of bridges) {
      const answer = await post(url + CHAT, ALICE, '{"type":"ask"}', { 'Idempotency-Key': '"c1"' });
      expect(answer.status).toBe(202);
    }
    const socket = await connectCounting(`${bridges[0]?.url ?? ''}${CHAT}`, ALICE);
    socket.send('{"type":"ask","id":"c1"}');
    expect(await socket.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    await socket.client.close();
    expect(await entries()).toHaveLength(1);
  });

  it('may have its id in itself, and needs one', async () => {
    const { url } = await start();
    await openSession(url);
    expect(await post(url + CHAT, ALICE, '{"type":"ask","id":"own"}')).toMatchObject({ status: 202 });
    const both = await post(url + CHAT, ALICE, '{"type":"ask","id":"same"}', { 'Idempotency-Key': 'same' });
    expect(both).toMatchObject({ status: 202 });
    const wrong: [string, Record<string, string | readonly string[]>][] = [
      ['{"type":"ask"}', {}],
      ['{"type":"ask"}', { 'Idempotency-Key': '' }],
      ['{"type":"ask"}', { 'Idempotency-Key': ['a', 'b'] }],
      ['{"type":"ask"}', { 'Idempotency-Key': 'x'.repeat(129) }],
      ['{"type":"ask","id":"one"}', { 'Idempotency-Key': 'other' }],
    ];
    for (const [body, headers] of wrong) {
      const answer = await post(url + CHAT, ALICE, body, headers);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'INVALID_COMMAND' });
    }
    expect((await entries()).map(({ id }) => id)).toEqual(['own', 'same']);
  });

  it('is answered on the stream of its session', async () => {
    const { url } = await start();
    const stream = await openStream(url + CHAT, await headersFor({ ...ALICE, path: '/ws/ai/chat' }));
    await stream.next();
    await post(url + CHAT, ALICE, '{"type":"ask"}', { 'Idempotency-Key': 'c1' });
    await redis.publish('ai:stream:s1', '{"type":"token","id":"c1","data":{"token":"a","index":0}}');
    expect(await stream.next()).toMatchObject({ type: 'message' });
    await stream.cut();
  });

  it("is refused for a session that is somebody else's, nobody's, or not named, and is in no stream", async () => {
    const { url } = await start();
    await openSession(url);
    const key = { 'Idempotency-Key': 'c1' };
    for (const caller of [BOB, EVE]) {
      const { status, body } = await post(url + CHAT, caller, '{"type":"ask"}', key);
      expect([status, JSON.parse(body)]).toEqual([
        403,
        { message: expect.any(String) as string, closeCode: 4403 },
      ]);
    }
    const nobodys = `${url}/ws/ai/chat?session=s2`;
    expect(await post(nobodys, ALICE, '{"type":"ask"}', key)).toMatchObject({ status: 409 });
    // It was not claimed by that.
    await (await connect(nobodys, EVE)).close();
    expect(await post(`${url}/ws/ai/chat`, ALICE, '{"type":"ask"}', key)).toMatchObject({ status: 400 });
    expect(await entries()).toEqual([]);
  });

  it.each([
    ['no JSON', 'hello', 400],
    ['no object', '[]', 400],
    ['no type', '{"data":1}', 400],
    ['a type of the bridge', '{"type":"bridge.ping"}', 400],
    ['other members', '{"type":"a","x":1}', 400],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d]), 400],
    ['nothing', '', 400],
  ])('is refused when it is %s', async (_, body, status) => {
    const { url } = await start();
    await openSession(url);
    const answer = await post(url + CHAT, ALICE, body, { 'Idempotency-Key': 'c1' });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'INVALID_COMMAND' });
    expect(await entries()).toEqual([]);
  });

  it('is refused with 413 when it is larger than its route takes, whatever length it declares', async () => {
    const { url } = await start({ BRIDGE_MAX_COMMAND_BYTES: '1000' });
    await openSession(url);
    const body = JSON.stringify({ type: 'a', data: 'x'.repeat(100_000) });
    const answer = await post(url + CHAT, ALICE, body, { 'Idempotency-Key': 'c1' });
    expect(answer).toMatchObject({ status: 413 });
    const chunked = { 'Idempotency-Key': 'c1', 'Transfer-Encoding': 'chunked' };
    expect(await post(url + CHAT, ALICE, body, chunked)).toMatchObject({ status: 413 });
    expect(await entries()).toEqual([]);
  });

  it('is charged to its user and its tenant as one of a socket, and refused with 429 over that', async () => {
    const bridge = await start({
      BRIDGE_USER_COMMAND_BYTES_BURST: '66000',
      BRIDGE_USER_COMMAND_BYTES_PER_SECOND: '1',
    });
    await openSession(bridge.url);
    const body = JSON.stringify({ type: 'a', data: 'x'.repeat(30_000) });
    const statuses: number[] = [];
    for (let count = 0; count < 4; count += 1) {
      const key = { 'Idempotency-Key': `c${count}` };
      const answer = await post(bridge.url + CHAT, ALICE, body, key);
      statuses.push(answer.status);
      if (answer.status !== 429) continue;
      expect(answer.headers).toMatchObject({ 'retry-after': '1' });
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'TOO_MANY_MESSAGES' });
    }
    expect(statuses).toEqual([202, 202, 429, 429]);
    // Another user's is not.
    await (await connect(`${bridge.url}/ws/ai/chat?session=s2`, BOB)).close();
    const key = { 'Idempotency-Key': 'c9' };
    expect(await post(`${bridge.url}/ws/ai/chat?session=s2`, BOB, body, key)).toMatchObject({ status: 202 });
    const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
    expect(metrics).toContain('ws_bridge_posted_messages_total{route="ai-chat",outcome="taken"} 3\n');
    expect(metrics).toContain(
      'ws_bridge_posted_messages_total{route="ai-chat",outcome="message_refused"} 2\n',
    );
  });

  it('is refused with 503 while Redis is away, and its caller may send it again', async () => {
    const { url } = await start({ BRIDGE_REDIS_TIMEOUT_MS: '2000' });
    await openSession(url);
    process.kill(server.pid, 'SIGSTOP');
    try {
      const answer = await post(url + CHAT, ALICE, '{"type":"ask"}', { 'Idempotency-Key': 'c1' });
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
  });

  it('is refused with 401 without an assertion, with a used one, and after its token was revoked', async () => {
    const { url } = await start();
    await openSession(url);
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': 'c1' };
    const ask = (own: Record<string, string>) =>
      askStream(url + CHAT, { ...own, ...headers }, 'POST', '{"type":"ask"}');
    expect(await ask({})).toMatchObject({ status: 401 });
    const used = await headersFor({ ...ALICE, path: '/ws/ai/chat' });
    expect(await ask(used)).toMatchObject({ status: 202 });
    expect(await ask(used)).toMatchObject({ status: 401 });
    expect(await ask(await headersFor({ ...ALICE, path: DOCUMENT }))).toMatchObject({ status: 401 });
    const early = await headersFor({ ...ALICE, path: '/ws/ai/chat' });
    await redis.publish('ws:control', '{"type":"revoke","tenant":"acme","user":"alice"}');
    await eventually(() => started[0]?.logLines.some((line) => line.includes('"revoked"')) === true);
    expect(await ask(early)).toMatchObject({ status: 401 });
  });

  it('whatever it is, gets an answer of JSON', async () => {
    const { url } = await start();
    await openSession(url);
    const key = fc.string({ unit: fc.constantFrom('"', '\\', 'a', ' ', 'é', '~'), maxLength: 140 });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string()), key, async (body, idempotency) => {
        const encoded = Buffer.from(idempotency.trim()).toString('latin1');
        const answer = await post(url + CHAT, { ...ALICE }, body, { 'Idempotency-Key': encoded });
        expect([202, 400, 429]).toContain(answer.status);
        JSON.parse(answer.body);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a message that is posted on a route that takes none, or none of its caller', () => {
  it('is refused with 403', async () => {
    const { url } = await start();
    for (const path of ['/ws/notifications', '/ws/bi/dashboards/d1']) {
      const answer = await post(url + path, ALICE, '{"type":"ask"}');
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'READ_ONLY' });
    }
    await openSession(url);
    const reader = { ...ALICE, access: 'read' } as const;
    for (const path of [CHAT, DOCUMENT]) {
      const answer = await post(url + path, reader, '{"type":"ask"}', { 'Idempotency-Key': 'c1' });
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'READ_ONLY' });
    }
    expect(await entries()).toEqual([]);
  });

  it('is refused with 404 where no route is', async () => {
    const { url } = await start();
    expect(await post(`${url}/nowhere`, ALICE, '{}')).toMatchObject({ status: 404 });
  });
});

describe('a message that is posted to a document', () => {
  it('goes to its peers as it is, text as text and bytes as bytes', async () => {
    const { url } = await start();
    const peer = await connect(url + DOCUMENT, BOB);
    expect(await post(url + DOCUMENT, ALICE, '{"edit": 1}')).toMatchObject({ status: 202, body: '{}' });
    expect(await peer.next()).toEqual({ data: Buffer.from('{"edit": 1}'), binary: false });
    await post(url + DOCUMENT, ALICE, Buffer.from('abc'));
    expect(await peer.next()).toEqual({ data: Buffer.from('abc'), binary: true });
    await post(url + DOCUMENT, ALICE, Buffer.from([0xff, 0]), { 'Content-Type': 'text/plain' });
    expect(await peer.next()).toEqual({ data: Buffer.from([0xff, 0]), binary: true });
    await peer.close();
  });

  /** A stream of Alice's at the document, and where she posts beside it. */
  async function streamOf(url: string, more: Record<string, string> = {}) {
    const own = await headersFor({ ...ALICE, path: DOCUMENT });
    const client = await openStream(url + DOCUMENT, { ...own, ...more });
    const { data } = await client.next();
    return { client, peer: (JSON.parse(data) as { readonly peer: string }).peer };
  }

  it("goes to every stream of its user's but the one whose `peer` it has, on whichever bridge", async () => {
    const [one, other] = [await start(), await start()];
    const [own, second] = [await streamOf(one.url), await streamOf(other.url)];
    expect(own.peer).not.toBe(second.peer);
    const target = `${other.url}${DOCUMENT}?peer=${own.peer}`;
    expect(await post(target, ALICE, 'edit')).toMatchObject({ status: 202 });
    expect(await second.client.next()).toMatchObject({ type: 'message', data: 'edit' });
    await redis.publish('acme:collaboration:d1', 'of a service');
    expect(await own.client.next()).toMatchObject({ data: 'of a service' });
    // Without a name nobody is left out.
    await post(other.url + DOCUMENT, ALICE, 'unnamed');
    expect(await own.client.next()).toMatchObject({ data: 'unnamed' });
    await Promise.all([own.client.cut(), second.client.cut()]);
  });

  it('under a name that nobody has goes to everybody', async () => {
    const { url } = await start();
    const own = await streamOf(url);
    expect(await post(`${url}${DOCUMENT}?peer=${'A'.repeat(22)}`, EVE, 'elsewhere')).toMatchObject({
      status: 202,
    });
    expect(await post(`${url}${DOCUMENT}?peer=${'A'.repeat(22)}`, BOB, 'edit')).toMatchObject({
      status: 202,
    });
    expect(await own.client.next()).toMatchObject({ data: 'edit' });
    await own.client.cut();
  });

  it('has the same `peer` after its stream was resumed on another bridge', async () => {
    const [one, other] = [await start(), await start()];
    const own = await streamOf(one.url);
    const id = own.client.lastEventId;
    await own.client.cut();
    await post(`${other.url}${DOCUMENT}?peer=${own.peer}`, ALICE, 'meanwhile');
    await post(other.url + DOCUMENT, BOB, "a peer's");
    const back = await streamOf(other.url, { 'Last-Event-ID': id });
    expect(back.peer).toBe(own.peer);
    expect(await back.client.next()).toMatchObject({ data: "a peer's" });
    await back.client.cut();
  });

  it.each([[''], ['short'], [`${'A'.repeat(21)}B`], [`${'A'.repeat(22)}&peer=${'A'.repeat(22)}`]])(
    'is refused with 400 where its `peer` is "%s"',
    async (peer) => {
      const { url } = await start();
      expect(await post(`${url}${DOCUMENT}?peer=${peer}`, ALICE, 'edit')).toMatchObject({ status: 400 });
      // On a route that does not relay it is nothing.
      await openSession(url);
      const command = await post(`${url}${CHAT}&peer=${peer}`, ALICE, '{"type":"a","id":"c1"}');
      expect(command).toMatchObject({ status: 202 });
    },
  );

  it('is no control frame', async () => {
    const { url } = await start();
    const answer = await post(url + DOCUMENT, ALICE, '{"type":"bridge.gap","data":{}}');
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'RESERVED' });
  });
});
