import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { askStream, openStream, StreamClient, type NoStream } from '../fakes/event-source';
import { open, token } from './client';
import { WORKERS, type Stack } from './stack';
import { startStack } from './start-stack';

const NOTIFICATIONS = '/ws/notifications';
/** Messages that a user posts before the limit counts. */
const POSTED_AT_ONCE = 50;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: {
      rate_limits: [{ by: 'user', limit: 20, window_size: 3_600, burst: 19 }],
      message_limits: [{ by: 'user', limit: 1, window_size: 3_600, burst: POSTED_AT_ONCE - 1 }],
      returns: false,
    },
    bridgeEnv: {
      BRIDGE_MAX_BUFFER_BYTES: '262144',
      BRIDGE_RING_MAX_BYTES: `${64 * 1024 * 1024}`,
      // Also for each of two workers.
      BRIDGE_RING_TENANT_BYTES: `${128 * 1024 * 1024}`,
    },
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

function bearer(value: string): Record<string, string> {
  return { Authorization: `Bearer ${value}` };
}

async function stream(path: string, claims: Record<string, unknown>, more = {}): Promise<StreamClient> {
  return openStream(stack.url + path, { ...bearer(await token(claims)), ...more });
}

describe('an event stream through the gateway', () => {
  it('has the first token as soon as it is published, however little it is', async () => {
    const client = await stream('/ws/ai/chat?session=first', { sub: 'first' });
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    expect(await client.next()).toMatchObject({ type: 'ready' });
    const frame = '{"type":"token","data":{"token":"Revenue","index":0}}';
    await stack.redis.publish('ai:stream:first', frame);
    expect(await client.next()).toMatchObject({ type: 'message', data: frame });
    await client.cut();
  });

  it('is resumed by Last-Event-ID, with nothing lost and nothing twice', async () => {
    const path = '/ws/ai/chat?session=again';
    let client = await stream(path, { sub: 'again' });
    await client.next();
    const got: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      await stack.redis.publish('ai:stream:again', `${round}a`);
      got.push((await client.next()).data);
      await client.cut();
      await stack.redis.publish('ai:stream:again', `${round}b`);
      client = await stream(path, { sub: 'again' }, { 'Last-Event-ID': client.lastEventId });
      expect(await client.next()).toMatchObject({ type: 'ready' });
      got.push((await client.next()).data);
    }
    expect(got).toEqual([0, 1, 2, 3, 4].flatMap((round) => [`${round}a`, `${round}b`]));
    await client.cut();
  });

  it('is closed with 4401 when its token is revoked, and does not come back', async () => {
    const jti = 'stream-1';
    const value = await token({ sub: 'revoked', jti });
    const client = await openStream(stack.url + NOTIFICATIONS, bearer(value));
    await client.next();
    await stack.redis.set(`blacklist:${jti}`, '1', 'EX', 60);
    await stack.redis.publish('ws:control', JSON.stringify({ type: 'revoke', jti }));
    expect(await client.next()).toMatchObject({
      type: 'close',
      data: '{"code":4401,"reason":"Token Expired"}',
    });
    await client.ended;
    expect(await askStream(stack.url + NOTIFICATIONS, bearer(value))).toMatchObject({ status: 401 });
  });

  it('is refused as an upgrade is: without a token, with a foreign session, and over a limit of both', async () => {
    expect(await askStream(stack.url + NOTIFICATIONS, {})).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.stringMatching(/^Bearer/) as unknown },
    });
    const owner = await stream('/ws/ai/chat?session=mine', { sub: 'owner' });
    const thief = bearer(await token({ sub: 'thief', tenant_id: 'other' }));
    expect(await askStream(`${stack.url}/ws/ai/chat?session=mine`, thief)).toMatchObject({ status: 403 });
    await owner.cut();
    const busy = await token({ sub: 'busy' });
    for (let count = 0; count < 10; count += 1) {
      await (await open(stack, NOTIFICATIONS, busy)).close();
      await (await openStream(stack.url + NOTIFICATIONS, bearer(busy))).cut();
    }
    const over = await askStream(stack.url + NOTIFICATIONS, bearer(busy));
    expect(over).toMatchObject({ status: 429 });
    expect(over instanceof StreamClient ? 0 : Number(over.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('is asked for by GET alone: HEAD gets 426, and charges no limit', async () => {
    const curious = bearer(await token({ sub: 'curious' }));
    for (let count = 0; count < 30; count += 1)
      expect(await askStream(stack.url + NOTIFICATIONS, curious, 'HEAD')).toMatchObject({ status: 426 });
    await (await openStream(stack.url + NOTIFICATIONS, curious)).cut();
  });

  it('that is not read is closed with 4408, and resumed without a gap', async () => {
    const slow = await stream(NOTIFICATIONS, { sub: 'slow', tenant_id: 'slow' });
    await slow.next();
    slow.pause();
    const padding = 'x'.repeat(65_536);
    // More than all buffers on the way hold.
    for (let count = 0; count < 600; count += 1)
      await stack.redis.publish('slow:notifications', `${count}:${padding}`);
    slow.resume();
    await slow.ended;
    const events = await slow.take(slow.kept);
    expect(events.at(-1)).toMatchObject({ type: 'close', data: expect.stringMatching(/4408/) as unknown });
    const got = events.slice(0, -1).map(({ data }) => Number(data.split(':', 1)[0]));
    expect(got).toEqual(got.map((_, index) => index));
    const back = await stream(
      NOTIFICATIONS,
      { sub: 'slow', tenant_id: 'slow' },
      { 'Last-Event-ID': slow.lastEventId },
    );
    const [ready, first] = await back.take(2);
    expect(JSON.parse(ready?.data ?? '')).toMatchObject({ resumed: true });
    expect(first?.data.startsWith(`${got.length}:`)).toBe(true);
    await back.cut();
  }, 60_000);
});

describe('a command that is posted through the gateway', () => {
  async function post(
    path: string,
    claims: Record<string, unknown>,
    key: string,
    body: string,
  ): Promise<NoStream> {
    const headers = {
      ...bearer(await token(claims)),
      'Content-Type': 'application/json',
      'Idempotency-Key': key,
    };
    const answer = await askStream(stack.url + path, { ...headers, Accept: '*/*' }, 'POST', body);
    if (answer instanceof StreamClient) throw new Error('expected no stream');
    return answer;
  }

  it('is in the stream once it is answered, happens once, and its answer comes on the stream of its session', async () => {
    const path = '/ws/ai/chat?session=posted';
    const client = await stream(path, { sub: 'poster' });
    await client.next();
    for (let count = 0; count < 2; count += 1) {
      const answer = await post(path, { sub: 'poster' }, 'c1', '{"type":"message","data":{"n":1.50}}');
      expect(answer).toMatchObject({ status: 202, body: '{"type":"bridge.ack","data":{"id":"c1"}}' });
    }
    const entries = await stack.redis.xrange('ai:commands', '-', '+');
    const own = entries.filter(([, fields]) => fields.includes('posted'));
    expect(own).toHaveLength(1);
    expect(own[0]?.[1]).toEqual(expect.arrayContaining(['poster', 'acme', 'message', '{"n":1.50}', 'c1']));
    await stack.redis.publish(
      'ai:stream:posted',
      '{"type":"token","id":"c1","data":{"token":"a","index":0}}',
    );
    expect(await client.next()).toMatchObject({ type: 'message' });
    await client.cut();
  });

  it('is refused without a token, and for the session of somebody else', async () => {
    const client = await stream('/ws/ai/chat?session=posters', { sub: 'poster' });
    await client.next();
    const thief = { sub: 'thief' };
    expect(await post('/ws/ai/chat?session=posters', thief, 'c1', '{"type":"a"}')).toMatchObject({
      status: 403,
    });
    const bare = { 'Content-Type': 'application/json', Accept: '*/*' };
    expect(await askStream(`${stack.url}/ws/ai/chat?session=posters`, bare, 'POST', '{}')).toMatchObject({
      status: 401,
    });
    await client.cut();
  });

  it('charges no limit of upgrades, and has one of its own', async () => {
    const path = '/ws/ai/chat?session=typist';
    const claims = { sub: 'typist', tenant_id: 'typists' };
    const client = await stream(path, claims);
    await client.next();
    const statuses = new Map<number, number>();
    // Each of the gatekeeper's workers counts for itself.
    const most = POSTED_AT_ONCE * Number(WORKERS);
    for (let count = 0; count < most + 10; count += 1) {
      const { status } = await post(path, claims, `k${count}`, '{"type":"key"}');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    const taken = statuses.get(202) ?? 0;
    expect(taken).toBeGreaterThanOrEqual(POSTED_AT_ONCE);
    expect(taken).toBeLessThanOrEqual(most);
    expect(Object.fromEntries(statuses)).toEqual({ 202: taken, 429: most + 10 - taken });
    await (await stream(path, claims)).cut();
    await client.cut();
  });

  it('is one also without a Content-Type, where it accepts a stream', async () => {
    const path = '/ws/ai/chat?session=untyped';
    const claims = { sub: 'untyped', tenant_id: 'untyped' };
    await (await stream(path, claims)).cut();
    const untyped = bearer(await token(claims));
    // More than its user may open connections.
    for (let count = 0; count < 30; count += 1) {
      const command = `{"type":"key","id":"u${count}"}`;
      expect(await askStream(stack.url + path, untyped, 'POST', command)).toMatchObject({ status: 202 });
    }
  });
});

it('where http_streaming is off, gets 426 and reaches no bridge', async () => {
  await stack.reconfigure({ http_streaming: false });
  const before = await stack.bridgeUpgrades();
  const answer = await askStream(stack.url + NOTIFICATIONS, bearer(await token({ sub: 'off' })));
  expect(answer).toMatchObject({ status: 426 });
  expect(await stack.bridgeUpgrades()).toEqual(before);
});
