import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import fc from 'fast-check';
import { canonicalPath } from '../../../protocol/path';
import { WHEEL_TICK_MS } from '../../../sidecar/assemble';
import { CLOSE_TIMEOUT_MS } from '../../../sidecar/connection/term';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askStream, openStream, StreamClient, type NoStream } from '../../fakes/event-source';
import {
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type Caller,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'alice' };
const NOTIFICATIONS = '/ws/notifications';
const DASHBOARD = '/ws/bi/dashboards/d1';

let server: RedisServer;
let redis: Redis;
let now: number;
const started: TestBridge[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  now = Date.now();
  await redis.flushall();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map(({ bridge }) => bridge.close()));
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function start(
  env: Record<string, string> = {},
  clocks?: Parameters<typeof startBridge>[2],
): Promise<TestBridge> {
  const bridge = await startBridge(server.url, env, clocks);
  started.push(bridge);
  return bridge;
}

type Headers = Readonly<Record<string, string | readonly string[]>>;

async function headersOf(url: string, caller: Caller, more: Headers): Promise<Headers> {
  return { ...(await headersFor({ path: canonicalPath(new URL(url).pathname), ...caller }, now)), ...more };
}

async function stream(url: string, caller: Caller, more: Headers = {}): Promise<StreamClient> {
  return openStream(url, await headersOf(url, caller, more));
}

async function refused(url: string, caller: Caller, more: Headers = {}): Promise<NoStream> {
  const answer = await askStream(url, await headersOf(url, caller, more));
  if (answer instanceof StreamClient) throw new Error('expected a refusal, got a stream');
  return answer;
}

const textsOf = (events: readonly { readonly data: string }[]): readonly string[] =>
  events.map(({ data }) => data);

describe('a client of an event stream', () => {
  it('gets the headers of one, then ready and what is published, byte for byte', async () => {
    const { url } = await start();
    const client = await stream(url + NOTIFICATIONS, ALICE);
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    });
    const ready = await client.next();
    const { epoch, offset, resumed } = JSON.parse(ready.data) as Record<string, unknown>;
    expect(ready).toMatchObject({ type: 'ready', id: `${String(epoch)}.${String(offset)}` });
    expect(resumed).toBe(false);
    const frame = '{"type":"alert",  "data":{"text":"Grüße 👋","n":1.50}}';
    await redis.publish('acme:notifications', frame);
    await redis.publish('acme:notifications:alice', Buffer.from([0xff, 0x00]));
    expect(await client.take(2)).toMatchObject([
      { type: 'message', data: frame },
      { type: 'binary', data: '/wA=' },
    ]);
    await client.cut();
  });

  it('is counted as a connection, and leaves nothing behind once it is gone', async () => {
    const bridge = await start();
    const client = await stream(bridge.url + NOTIFICATIONS, ALICE);
    await client.next();
    const metrics = async (): Promise<string> => (await fetch(`${bridge.adminUrl}/metrics`)).text();
    expect(await metrics()).toContain('ws_bridge_connections{route="notifications",transport="http"} 1\n');
    expect(await metrics()).toMatch(
      /ws_bridge_upgrades_total\{route="notifications",transport="http",outcome="admitted"\} 1\n/,
    );
    expect(bridge.logLines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ msg: 'upgrade', outcome: 'admitted', status: 200, transport: 'http' }),
    );
    await client.cut();
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(await metrics()).toContain('ws_bridge_connections{route="notifications",transport="http"} 0\n');
    await bridge.bridge.close();
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });

  it('shares the caps of its user with sockets', async () => {
    const { url, bridge } = await start({ BRIDGE_MAX_CONNECTIONS_PER_USER: '2' });
    const socket = await connect(url + NOTIFICATIONS, ALICE);
    const client = await stream(url + NOTIFICATIONS, ALICE);
    const over = await refused(url + NOTIFICATIONS, ALICE);
    expect(over).toMatchObject({ status: 429, headers: { 'retry-after': '5' } });
    await client.cut();
    await eventually(() => bridge.openState().connections === 1);
    await (await stream(url + NOTIFICATIONS, ALICE)).cut();
    await socket.close();
  });

  it('shares the resume points of sockets, both ways', async () => {
    const { url } = await start();
    const socket = await connectCounting(url + NOTIFICATIONS, ALICE);
    await redis.publish('acme:notifications', 'one');
    expect(await socket.next()).toBe('one');
    await socket.client.cut();
    await redis.publish('acme:notifications', 'two');
    const client = await stream(`${url}${NOTIFICATIONS}?resume=${socket.point}`, ALICE);
    expect(textsOf(await client.take(2)).at(1)).toBe('two');
    await client.cut();
    await redis.publish('acme:notifications', 'three');
    const back = await connectCounting(url + NOTIFICATIONS, ALICE, client.lastEventId);
    expect(back.ready.resumed).toBe(true);
    expect(await back.next()).toBe('three');
    await back.client.cut();
  });

  it('gets a comment in each interval, and is cut once it takes none', async () => {
    const bridge = await start({ BRIDGE_COMMENT_INTERVAL_MS: '500', BRIDGE_MAX_BUFFER_BYTES: `${2 ** 27}` });
    const client = await stream(bridge.url + NOTIFICATIONS, ALICE);
    await client.until(() => client.comments >= 3);
    expect(client.comments).toBeGreaterThanOrEqual(3);
    client.pause();
    const padding = 'x'.repeat(65_536);
    // More than the kernel's buffers of a connection hold.
    for (let count = 0; count < 300; count += 1) await redis.publish('acme:notifications', padding);
    await eventually(() => bridge.bridge.openState().connections === 0);
    client.resume();
    await client.ended;
  });
});

describe('a client that comes back with Last-Event-ID', () => {
  it('misses nothing and gets nothing twice, from one bridge to the next', async () => {
    const bridges = [await start(), await start()];
    const path = '/ws/ai/chat?session=s1';
    let client = await stream(`${bridges[0]?.url ?? ''}${path}`, ALICE);
    expect(await client.next()).toMatchObject({ type: 'ready' });
    const got: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      await redis.publish('ai:stream:s1', `${round}a`);
      got.push((await client.next()).data);
      const id = client.lastEventId;
      await client.cut();
      await redis.publish('ai:stream:s1', `${round}b`);
      client = await stream(`${bridges[round % 2]?.url ?? ''}${path}`, ALICE, { 'Last-Event-ID': id });
      const ready = await client.next();
      expect(JSON.parse(ready.data)).toMatchObject({ resumed: true, session: 's1' });
      got.push((await client.next()).data);
    }
    expect(got).toEqual([0, 1, 2, 3, 4, 5].flatMap((round) => [`${round}a`, `${round}b`]));
    await client.cut();
  });

  it('comes back to the session that the bridge made, though its URL names none', async () => {
    const { url } = await start();
    const client = await stream(`${url}/ws/ai/chat`, ALICE);
    const { session } = JSON.parse((await client.next()).data) as { readonly session: string };
    expect(client.lastEventId).toMatch(new RegExp(`&session=${session}$`));
    await client.cut();
    await redis.publish(`ai:stream:${session}`, 'missed');
    const back = await stream(`${url}/ws/ai/chat`, ALICE, { 'Last-Event-ID': client.lastEventId });
    const [ready, frame] = await back.take(2);
    expect(JSON.parse(ready?.data ?? '')).toMatchObject({ resumed: true, session });
    expect(frame?.data).toBe('missed');
    await back.cut();
  });

  it('goes by the header where the query has an older point', async () => {
    const { url } = await start();
    const client = await stream(url + NOTIFICATIONS, ALICE);
    const first = (await client.next()).id;
    await redis.publish('acme:notifications', 'one');
    const { id } = await client.next();
    await client.cut();
    const back = await stream(`${url}${NOTIFICATIONS}?resume=${first}`, ALICE, { 'Last-Event-ID': id });
    await back.next();
    await redis.publish('acme:notifications', 'two');
    expect((await back.next()).data).toBe('two');
    await back.cut();
  });

  it('is told of a gap where the point is not known, and has no id before that', async () => {
    const { url } = await start();
    const client = await stream(url + NOTIFICATIONS, ALICE, { 'Last-Event-ID': 'never_1.7' });
    const [ready, gap] = await client.take(2);
    expect(ready).toMatchObject({ type: 'ready', id: '' });
    expect(gap).toMatchObject({ type: 'gap', id: expect.stringMatching(/^\w+\.\d+$/) as unknown });
    expect(JSON.parse(gap?.data ?? '')).toMatchObject({ reason: 'unknown' });
    await client.cut();
  });

  it('gets a state that it never got, and not one that it has', async () => {
    const { url } = await start();
    const empty = await stream(url + DASHBOARD, ALICE);
    const { id } = await empty.next();
    expect(id).toMatch(/&state=missing$/);
    await empty.cut();
    await redis.set('acme:dashboard:state:d1', 'the state');
    const client = await stream(url + DASHBOARD, ALICE, { 'Last-Event-ID': id });
    const [, state] = await client.take(2);
    expect(state).toMatchObject({ type: 'state', data: '{"text":"the state"}', id: id.replace(/&.*/, '') });
    await client.cut();
    const back = await stream(url + DASHBOARD, ALICE, { 'Last-Event-ID': state?.id ?? '' });
    await back.next();
    await redis.publish('acme:dashboard:refresh:d1', 'newer');
    expect(await back.next()).toMatchObject({ type: 'message', data: 'newer' });
    await back.cut();
  });

  it("gets nothing of another tenant's, another user's or another session's", async () => {
    const { url } = await start();
    const client = await stream(`${url}/ws/ai/chat?session=s1`, ALICE);
    await client.next();
    await redis.publish('ai:stream:s1', 'secret');
    const { id } = await client.next();
    for (const caller of [BOB, EVE]) {
      expect(await refused(`${url}/ws/ai/chat?session=s1`, caller, { 'Last-Event-ID': id })).toMatchObject({
        status: 403,
      });
      const named = { 'Last-Event-ID': `${id}&session=s1` };
      expect(await refused(`${url}/ws/ai/chat`, caller, named)).toMatchObject({ status: 403 });
      const other = await stream(`${url}/ws/ai/chat?session=s-${caller.user}-${caller.tenant}`, caller, {
        'Last-Event-ID': id.replace(/\d+$/, '0'),
      });
      expect((await other.take(2)).map(({ type }) => type)).toEqual(['ready', 'gap']);
      await redis.publish('ai:stream:s1', 'secret too');
      await redis.publish(`ai:stream:s-${caller.user}-${caller.tenant}`, 'own');
      expect((await other.next()).data).toBe('own');
      await other.cut();
    }
    await client.cut();
  });

  it('is refused with 400 when that is no id, or two, or of another session than the query names', async () => {
    const { url } = await start();
    const chat = `${url}/ws/ai/chat`;
    const wrong: [string, Headers][] = [
      [url + NOTIFICATIONS, { 'Last-Event-ID': 'x' }],
      [url + NOTIFICATIONS, { 'Last-Event-ID': 'oldest' }],
      [url + NOTIFICATIONS, { 'Last-Event-ID': '*' }],
      [url + NOTIFICATIONS, { 'Last-Event-ID': 'e.1&session=s1' }],
      [url + NOTIFICATIONS, { 'Last-Event-ID': ['e.1', 'e.2'] }],
      [url + NOTIFICATIONS, { 'Last-Event-ID': `e.${'9'.repeat(17)}` }],
      [url + NOTIFICATIONS, { 'Last-Event-ID': `${'e'.repeat(8_000)}.1` }],
      [chat, { 'Last-Event-ID': 'e.1&session=' }],
      [chat, { 'Last-Event-ID': 'e.1&session=a:b' }],
      [chat, { 'Last-Event-ID': 'e.1&session=s1&state=missing' }],
      [`${chat}?session=s2`, { 'Last-Event-ID': 'e.1&session=s1' }],
    ];
    for (const [target, headers] of wrong) {
      expect(await refused(target, ALICE, headers)).toMatchObject({
        status: 400,
        body: expect.stringMatching(/Last-Event-ID/) as unknown,
      });
    }
  });

  it('whatever it says, is given a stream or an answer, and nothing is left', async () => {
    const bridge = await start();
    const piece = fc.constantFrom(
      'e',
      '.',
      '1',
      '&',
      'state=missing',
      'session=s1',
      '~',
      '%00',
      '99999999999',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const url = `${bridge.url}/ws/ai/chat`;
        const headers = await headersOf(url, ALICE, { 'Last-Event-ID': pieces.join('') });
        const answer = await askStream(url, headers);
        if (answer instanceof StreamClient) await answer.cut();
        else expect(answer.status).toBe(400);
      }),
      { numRuns: 60 },
    );
    await eventually(() => bridge.bridge.openState().connections === 0);
  });
});

describe('a stream ends with the close code as its last event', () => {
  it('with 4401 where its token was revoked, within a second', async () => {
    const { url } = await start();
    const client = await stream(url + NOTIFICATIONS, ALICE);
    await client.next();
    await redis.publish('ws:control', '{"type":"revoke","tenant":"acme","user":"alice"}');
    expect(await client.next()).toMatchObject({
      type: 'close',
      data: '{"code":4401,"reason":"Token Expired"}',
    });
    await client.ended;
    expect(client.retryMs).toBeGreaterThanOrEqual(500);
    expect(await refused(url + NOTIFICATIONS, ALICE)).toMatchObject({ status: 401 });
  });

  it("with 4401 at its token's exp", async () => {
    const { url } = await start({}, () => now);
    const exp = Math.floor(now / 1000) + 60;
    const client = await stream(url + NOTIFICATIONS, { ...ALICE, exp });
    await client.next();
    now = exp * 1000 + 250;
    expect(await client.next()).toMatchObject({
      type: 'close',
      data: expect.stringMatching(/4401/) as unknown,
    });
    await client.ended;
  });

  it('with 4403 and no time to come back where its right to the path was revoked', async () => {
    const { url } = await start();
    const client = await stream(url + NOTIFICATIONS, ALICE);
    await client.next();
    await redis.publish('ws:control', `{"type":"revoke","tenant":"acme","path":"${NOTIFICATIONS}"}`);
    expect(await client.next()).toMatchObject({ data: '{"code":4403,"reason":"Forbidden"}' });
    await client.ended;
    expect(client.retryMs).toBeUndefined();
    // A browser can read this answer: it is no close code.
    const answer = await refused(url + NOTIFICATIONS, ALICE, { Origin: 'https://app.example' });
    expect(answer.status).toBe(403);
  });

  it('with 1012 where the bridge drains, and what it missed is handed over', async () => {
    const [old, next] = [await start({ BRIDGE_DRAIN_MS: '300' }), await start()];
    const path = '/ws/ai/chat?session=s1';
    const client = await stream(old.url + path, ALICE);
    await client.next();
    await redis.publish('ai:stream:s1', 'one');
    expect((await client.next()).data).toBe('one');
    void old.bridge.drain();
    expect(await client.next()).toMatchObject({
      type: 'close',
      data: '{"code":1012,"reason":"Service Restart"}',
    });
    await client.ended;
    await redis.publish('ai:stream:s1', 'two');
    const back = await stream(next.url + path, ALICE, { 'Last-Event-ID': client.lastEventId });
    const [ready, frame] = await back.take(2);
    expect(JSON.parse(ready?.data ?? '')).toMatchObject({ resumed: true });
    expect(frame?.data).toBe('two');
    await back.cut();
  });

  it('also where the drain takes longer than a handshake may', async () => {
    let monotonicMs = 1000;
    const env = { BRIDGE_DRAIN_MS: '60000', BRIDGE_HANDSHAKE_TIMEOUT_MS: '3000' };
    const bridge = await start(env, { monotonicMs: () => monotonicMs });
    const client = await stream(bridge.url + NOTIFICATIONS, ALICE);
    await client.next();
    const silent = connectTcp(Number(new URL(bridge.url).port), '127.0.0.1');
    const cut = once(silent, 'close');
    await once(silent, 'connect');
    await eventually(async () => (await fetch(bridge.url.replace(/^ws/, 'http'))).status === 404);
    void bridge.bridge.drain();
    // One on which no request came is cut before that.
    await cut;
    expect(client.kept).toBe(0);
    monotonicMs += 60_000;
    expect(await client.next()).toMatchObject({ data: expect.stringMatching(/1012/) as unknown });
  });

  it('with 4408 where the client does not take its frames, and it resumes without a gap', async () => {
    const bridge = await start({
      BRIDGE_MAX_BUFFER_BYTES: '262144',
      BRIDGE_RING_MAX_BYTES: `${64 * 1024 * 1024}`,
    });
    const slow = await stream(bridge.url + NOTIFICATIONS, ALICE);
    await slow.next();
    slow.pause();
    const padding = 'x'.repeat(65_536);
    for (let count = 0; count < 400; count += 1)
      await redis.publish('acme:notifications', `${count}:${padding}`);
    await eventually(async () =>
      /action="closed",bound="socket"\} [1-9]/.test(await (await fetch(`${bridge.adminUrl}/metrics`)).text()),
    );
    slow.resume();
    await slow.ended;
    const events = await slow.take(slow.kept);
    expect(events.at(-1)).toMatchObject({ type: 'close', data: expect.stringMatching(/4408/) as unknown });
    const got = events.slice(0, -1).map(({ data }) => Number(data.split(':', 1)[0]));
    expect(got).toEqual(got.map((_, index) => index));
    const back = await stream(bridge.url + NOTIFICATIONS, ALICE, { 'Last-Event-ID': slow.lastEventId });
    const [ready, first] = await back.take(2);
    expect(JSON.parse(ready?.data ?? '')).toMatchObject({ resumed: true });
    expect(first?.data.startsWith(`${got.length}:`)).toBe(true);
    await back.cut();
  }, 60_000);

  it('and is cut in time, also when its session goes to somebody else meanwhile', async () => {
    let monotonicMs = 0;
    const env = { BRIDGE_MAX_BUFFER_BYTES: '262144', BRIDGE_SESSION_TTL_MS: '1000' };
    const bridge = await start(env, { monotonicMs: () => monotonicMs });
    const slow = await stream(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    await slow.next();
    slow.pause();
    const padding = 'x'.repeat(65_536);
    for (let count = 0; count < 400; count += 1) await redis.publish('ai:stream:s1', `${count}:${padding}`);
    await eventually(async () =>
      /action="closed",bound="socket"\} [1-9]/.test(await (await fetch(`${bridge.adminUrl}/metrics`)).text()),
    );
    await redis.set('ai:session:s1', '["evil","eve"]');
    await eventually(() => bridge.bridge.openState().sessions === 0);
    expect(bridge.bridge.openState().connections).toBe(1);
    monotonicMs += CLOSE_TIMEOUT_MS + WHEEL_TICK_MS;
    await eventually(() => bridge.bridge.openState().connections === 0);
    await slow.cut();
  }, 60_000);

  it('or with the newest frame alone, where the route keeps the latest', async () => {
    const bridge = await start({ BRIDGE_MAX_BUFFER_BYTES: '262144' });
    const slow = await stream(bridge.url + DASHBOARD, ALICE);
    await slow.next();
    slow.pause();
    const padding = 'x'.repeat(65_536);
    for (let count = 0; count < 400; count += 1)
      await redis.publish('acme:dashboard:refresh:d1', `${count}:${padding}`);
    await eventually(async () =>
      /action="replaced",bound="socket"\} [1-9]/.test(
        await (await fetch(`${bridge.adminUrl}/metrics`)).text(),
      ),
    );
    slow.resume();
    let last = await slow.next();
    const types = new Set([last.type]);
    while (!last.data.startsWith('399:')) types.add((last = await slow.next()).type);
    expect([...types].sort()).toEqual(['gap', 'message']);
    await slow.cut();
  }, 60_000);
});

describe('a request for a stream is refused', () => {
  it('with 401 without an assertion, with a used one, and with one for another path', async () => {
    const { url } = await start();
    expect(await askStream(url + NOTIFICATIONS, {})).toMatchObject({ status: 401 });
    const headers = await headersFor({ ...ALICE, path: NOTIFICATIONS });
    await (await openStream(url + NOTIFICATIONS, headers)).cut();
    expect(await askStream(url + NOTIFICATIONS, headers)).toMatchObject({ status: 401 });
    expect(await refused(url + NOTIFICATIONS, { ...ALICE, path: DASHBOARD })).toMatchObject({ status: 401 });
  });

  it('with 404 where no route is, and with 400 when it has content', async () => {
    const { url } = await start();
    expect(await refused(`${url}/nowhere`, ALICE)).toMatchObject({ status: 404 });
    const headers = await headersOf(url + NOTIFICATIONS, ALICE, {});
    expect(await askStream(url + NOTIFICATIONS, headers, 'GET', 'content')).toMatchObject({ status: 400 });
  });

  it.each(['HEAD', 'PUT', 'OPTIONS'])('with 426 when it is a %s', async (method) => {
    const { url } = await start();
    const headers = await headersOf(url + NOTIFICATIONS, ALICE, {});
    expect(await askStream(url + NOTIFICATIONS, headers, method)).toMatchObject({ status: 426 });
  });

  it.each(['*/*', 'text/*', 'text/event-stream;q=0'])('with 426 when it accepts %s', async (accept) => {
    const { url } = await start();
    expect(await refused(url + NOTIFICATIONS, ALICE, { Accept: accept })).toMatchObject({ status: 426 });
  });

  it('with 503 while the bridge has no room', async () => {
    const { url } = await start({ BRIDGE_MAX_CONNECTIONS: '1' });
    const client = await stream(url + NOTIFICATIONS, ALICE);
    expect(await refused(url + NOTIFICATIONS, BOB)).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
    });
    await client.cut();
  });
});

it('a client that speaks HTTP/1.0 gets the stream without chunks', async () => {
  const { url } = await start();
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  const headers = Object.entries(
    await headersOf(url + NOTIFICATIONS, ALICE, { Accept: 'text/event-stream' }),
  );
  socket.write(
    [
      `GET ${NOTIFICATIONS} HTTP/1.0`,
      ...headers.map(([name, value]) => `${name}: ${String(value)}`),
      '',
      '',
    ].join('\r\n'),
  );
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString('utf8')));
  await eventually(() => got.includes('event: ready'));
  await redis.publish('acme:notifications', 'one');
  await eventually(() => got.includes('data: one\n\n'));
  expect(got).not.toMatch(/transfer-encoding/i);
  socket.destroy();
});
