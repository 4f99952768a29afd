import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { Client, connect, eventually, headersFor, startBridge, type TestBridge } from '../sidecar/fixture';
import { DOCUMENT, payloadSchema } from './asyncapi-document';

const ALICE = { tenant: 'acme', user: 'alice', jti: 't1' };
const TRACE = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'rojo=00f067aa0ba902b7',
};

let redis: RedisServer;
let publisher: Redis;
let bridge: TestBridge;

beforeAll(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
  bridge = await startBridge(redis.url);
});
afterAll(async () => {
  publisher.disconnect();
  await bridge.bridge.close();
  await redis.stop();
});

/** Reads the next frame, which the message's schema must take. */
async function expectNext(client: Client, message: string): Promise<void> {
  expectTaken(message, await client.nextJson());
}

function expectTaken(message: string, payload: unknown): void {
  const validate = payloadSchema(message);
  validate(payload);
  expect({ payload, errors: validate.errors ?? [] }).toEqual({ payload, errors: [] });
}

function exampleOf(message: string): string {
  return JSON.stringify(DOCUMENT.components.messages[message]?.examples?.[0]?.payload);
}

async function entries(): Promise<readonly Record<string, string>[]> {
  const found = await publisher.xrange('ai:commands', '-', '+');
  return found.map(([, fields]) =>
    Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : []))),
  );
}

describe('the schemas of docs/asyncapi.yaml take what a bridge really sends', () => {
  it('to a bridge.v1 client of an AI chat, and the entry that its command becomes', async () => {
    const headers = { ...(await headersFor(ALICE)), ...TRACE };
    const socket = new WebSocket(`${bridge.url}/ws/ai/chat?session=s1&resume=nobody.1`, ['bridge.v1'], {
      headers,
    });
    const chat = new Client(socket);
    await once(socket, 'open');
    await expectNext(chat, 'bridge.ready');
    await expectNext(chat, 'bridge.gap');
    socket.send(exampleOf('command'));
    await expectNext(chat, 'bridge.ack');
    socket.send('{"type":"bridge.ping"}');
    await expectNext(chat, 'bridge.pong');
    socket.send('{"type":"bridge.x","id":"c2"}');
    await expectNext(chat, 'bridge.error');
    for (const message of ['token', 'complete', 'error']) {
      await publisher.publish('ai:stream:s1', exampleOf(message));
      await expectNext(chat, message);
    }
    await publisher.publish('ai:stream:s1', exampleOf('bridge.ready'));
    await expectNext(chat, 'bridge.gap');
    const [entry] = await entries();
    expect(entry).toMatchObject({ ...TRACE, id: 'c1', session: 's1' });
    expectTaken('entry', entry);
  });

  it('to a bridge.v1 client of a dashboard that has a state, of text or not', async () => {
    const examples = DOCUMENT.components.messages['bridge.state']?.examples ?? [];
    const states = [Buffer.from('{"type":"refresh","data":{}}'), Buffer.of(0xff)];
    expect(examples).toHaveLength(states.length);
    for (const [index, { payload }] of examples.entries()) {
      await publisher.set(`acme:dashboard:state:${index}`, states[index] ?? '');
      const board = await connect(`${bridge.url}/ws/bi/dashboards/${index}`, ALICE, ['bridge.v1']);
      await expectNext(board, 'bridge.ready');
      const state = await board.nextJson();
      expectTaken('bridge.state', state);
      expect(state).toEqual(payload);
    }
  });

  it('to plain clients that it refuses something', async () => {
    const board = await connect(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
    board.socket.send('x');
    await expectNext(board, 'refusal');
    const peer = await connect(`${bridge.url}/ws/collaboration/d`, ALICE);
    peer.socket.send(exampleOf('bridge.ready'));
    await expectNext(peer, 'refusal');
    const chat = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    chat.socket.send('{"id":"c3"}');
    await expectNext(chat, 'refusal');
  });

  it('to the stream for a plain client without an id or a trace', async () => {
    await publisher.del('ai:commands');
    const chat = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    chat.socket.send('{"type":"ask"}');
    await eventually(async () => (await entries()).length === 1);
    const [entry] = await entries();
    expect(Object.keys(entry ?? {})).not.toContain('traceparent');
    expectTaken('entry', entry);
  });
});

it('its examples of a revocation close the sockets that they mean', async () => {
  const { examples = [] } = DOCUMENT.components.messages['revoke'] ?? {};
  const meant = [
    { tenant: 'other', user: 'u1', jti: 't1' },
    { tenant: 'acme', user: 'u1', jti: 't2' },
    { tenant: '7', user: '42', jti: 't4' },
    { tenant: 'acme', user: 'u3', jti: 't5' },
    { tenant: 'acme', user: 'u4', jti: 't7' },
    { tenant: 'acme', user: 'u2', jti: 't3' },
  ];
  const url = `${bridge.url}/ws/notifications`;
  const clients = await Promise.all(meant.map((caller) => connect(url, caller)));
  expect(examples).toHaveLength(clients.length);
  for (const [index, { payload }] of examples.entries()) {
    await publisher.publish('ws:control', JSON.stringify(payload));
    const onPath = typeof payload === 'object' && payload !== null && 'path' in payload;
    expect(await clients[index]?.closed).toBe(onPath ? 4403 : 4401);
    const open = clients.filter(({ socket }) => socket.readyState === WebSocket.OPEN);
    expect(open).toEqual(clients.slice(index + 1));
  }
});
