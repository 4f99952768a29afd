import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  Client,
  connect,
  EMPTY,
  headersFor,
  startBridge,
  startUpgrade,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'evil', user: 'eve' };
const ORIGIN = { Origin: 'https://app.example' };
const MESSAGE = "the session is somebody else's";

let redis: RedisServer;
let admin: Redis;
let test: TestBridge;
let path: string;
let owner: Client;

beforeEach(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  test = await startBridge(redis.url);
  path = `${test.url}/ws/ai/chat?session=s1`;
  owner = await connect(path, ALICE);
});
afterEach(async () => {
  await test.bridge.close();
  assert.deepEqual(test.bridge.openState(), EMPTY);
  admin.disconnect();
  await redis.stop();
});

/** Waits for the upgrade, and leaves its socket to the caller. */
async function upgraded(): Promise<Duplex> {
  const [, socket] = (await once(
    startUpgrade(path, { ...(await headersFor(EVE)), ...ORIGIN }),
    'upgrade',
  )) as [unknown, Duplex];
  return socket.on('error', () => undefined);
}

/** 64 MiB of masked messages, more than the sockets between hold. */
function flood(): Buffer {
  const payload = Buffer.alloc(32_768, ' ');
  const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat(Array<Buffer[]>(2_048).fill([head, payload]).flat());
}

// PROTOCOL.md §4
describe("a browser that opens somebody else's session", () => {
  it.each([['bridge.v1'], ['plain.v1']])(
    'is closed with 4403 and the message, hears nothing and says nothing (%s)',
    async (offer) => {
      const headers = { ...(await headersFor(EVE)), ...ORIGIN };
      const socket = new WebSocket(path, [offer], { headers });
      const client = new Client(socket);
      const closed = once(socket, 'close') as Promise<[number, Buffer]>;
      await once(socket, 'open');
      socket.send('{"type":"message","data":{}}');
      await admin.publish('ai:stream:s1', 'for alice');
      const [code, reason] = await closed;
      expect([code, String(reason), socket.protocol]).toEqual([4403, MESSAGE, offer]);
      expect(await owner.nextText()).toBe('for alice');
      expect(client.kept).toBe(0);
      expect(await admin.exists('ai:commands')).toBe(0);
      expect(await admin.get('ai:session:s1')).toBe('["acme","alice"]');
      expect(test.bridge.openState()).toMatchObject({ connections: 1, sessions: 1 });
      const line = test.logLines.find((each) => each.includes('"forbidden"'));
      expect(JSON.parse(line ?? '')).toMatchObject({ status: 403, reason: MESSAGE, user: 'eve' });
    },
  );

  it('is still refused with 403 when it is no browser, or when it is not known who it is', async () => {
    const refused = { status: 403, body: JSON.stringify({ message: MESSAGE }) };
    expect(await askUpgrade(path, await headersFor(EVE))).toMatchObject(refused);
    expect(await askUpgrade(path, ORIGIN)).toMatchObject({ status: 401 });
  });

  it('is not read from when it goes on sending, nor waited for by a bridge that closes', async () => {
    const other = await startBridge(redis.url);
    path = path.replace(test.url, other.url);
    const socket = await upgraded();
    const reset = once(socket, 'error');
    socket.write(flood());
    await other.bridge.close();
    // RFC 9293 §3.6.1: as a connection ends with bytes in it that nobody has read.
    expect(await reset).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('is cut when it does not close in time', async () => {
    let monotonicMs = performance.now();
    const stepped = await startBridge(redis.url, {}, { monotonicMs: () => monotonicMs });
    path = path.replace(test.url, stepped.url);
    const socket = await upgraded();
    const gone = once(socket.resume(), 'end');
    monotonicMs += 6_000;
    await gone;
    expect(stepped.bridge.openState()).toEqual(EMPTY);
    await stepped.bridge.close();
  });
});
