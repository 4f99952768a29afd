import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type TestBridge,
} from '../fixture';
import { startRedisProxy, type RedisProxy } from '../redis-proxy';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'evil', user: 'eve' };
const CHAT = '/ws/ai/chat?session=s1';

let redis: RedisServer;
let publisher: Redis;
let proxy: RedisProxy;
/** Answers nobody: what it publishes and hears is lost on the way. */
let deaf: TestBridge;
let bridge: TestBridge;

beforeEach(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
  proxy = await startRedisProxy(redis.port);
  deaf = await startBridge(proxy.url, { BRIDGE_PROBE_INTERVAL_MS: '600000' });
  bridge = await startBridge(redis.url);
});
afterEach(async () => {
  proxy.close();
  await deaf.bridge.close();
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  publisher.disconnect();
  await redis.stop();
});

describe("a connection whose session turns out to be somebody else's while it is being established", () => {
  it('is refused with 403 and leaves nothing behind, also when what it missed is still asked for', async () => {
    const first = await connectCounting(`${deaf.url}${CHAT}`, ALICE);
    expect(proxy.mute('ws-bridge:subscriber')).toBe(1);
    const coming = askUpgrade(`${bridge.url}${CHAT}&resume=${first.point}`, {
      ...(await headersFor(ALICE)),
      'Sec-WebSocket-Protocol': 'bridge.v1',
    });
    await eventually(() => bridge.bridge.openState().handovers === 1);
    // Redis lost the claim, and Eve made the session hers.
    await publisher.set('ai:session:s1', '["evil","eve"]');
    const eve = await connect(`${bridge.url}${CHAT}`, EVE);
    expect(await coming).toMatchObject({
      status: 403,
      body: '{"message":"the session is somebody else\'s"}',
    });
    expect(bridge.bridge.openState()).toMatchObject({
      connections: 1,
      streams: 0,
      sessions: 1,
      handovers: 0,
    });
    await publisher.publish('ai:stream:s1', 'for eve');
    expect(await eve.nextText()).toBe('for eve');
    expect(await publisher.exists('ai:commands')).toBe(0);
    await eve.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
  });
});
