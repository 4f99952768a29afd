import { once } from 'node:events';
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
  startUpgrade,
  type TestBridge,
} from '../fixture';
import { startRedisProxy, type RedisProxy } from '../redis-proxy';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };

let redis: RedisServer;
let admin: Redis;
let proxy: RedisProxy;
const started: TestBridge[] = [];

beforeEach(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  proxy = await startRedisProxy(redis.port);
});
afterEach(async () => {
  proxy.close();
  await Promise.all(started.splice(0).map(({ bridge }) => bridge.close()));
  admin.disconnect();
  await redis.stop();
});

async function start(settings: Readonly<Record<string, string>>, url = redis.url): Promise<TestBridge> {
  const bridge = await startBridge(url, settings);
  started.push(bridge);
  return bridge;
}

/** The headers of a client that can resume. */
async function countingHeaders(caller: typeof ALICE): Promise<Record<string, string>> {
  return { ...(await headersFor(caller)), 'Sec-WebSocket-Protocol': 'bridge.v1' };
}

describe('a handshake that is refused leaves no claim of its session, no stream and no subscription', () => {
  it.each([
    ['its user has no place left', { BRIDGE_MAX_CONNECTIONS_PER_USER: '1' }, ALICE, 429],
    ['the bridge has no room for its channel', { BRIDGE_MAX_SUBSCRIPTIONS: '1' }, BOB, 503],
  ])('because %s', async (_, settings, caller, status) => {
    const { url, bridge } = await start(settings);
    const open = await connect(`${url}/ws/ai/chat?session=open`, ALICE);
    for (const session of ['r1', 'r2', 'r3']) {
      const answer = await askUpgrade(`${url}/ws/ai/chat?session=${session}`, await countingHeaders(caller));
      expect(answer.status).toBe(status);
    }
    expect(await admin.keys('ai:session:*')).toEqual(['ai:session:open']);
    expect(bridge.openState()).toMatchObject({ connections: 1, sessions: 1, streams: 0, channels: 1 });
    await open.close();
  });

  it('because its client left while what it missed was asked for', async () => {
    const deaf = await start({ BRIDGE_PROBE_INTERVAL_MS: '600000' }, proxy.url);
    const { url, bridge } = await start({});
    const before = await connectCounting(`${deaf.url}/ws/ai/chat?session=s1`, ALICE);
    await before.client.close();
    await eventually(() => deaf.bridge.openState().sessions === 0);
    expect(await admin.del('ai:session:s1', 'ai:session:{ai:session:s1}')).toBe(2);
    expect(proxy.mute('ws-bridge:subscriber')).toBe(1);
    const asked = startUpgrade(
      `${url}/ws/ai/chat?session=s1&resume=${before.point}`,
      await countingHeaders(ALICE),
    );
    asked.on('error', () => undefined);
    await eventually(() => bridge.openState().handovers === 1);
    expect(bridge.openState().streams).toBe(1);
    const { socket } = asked;
    socket?.resetAndDestroy();
    if (socket !== null) await once(socket, 'close');
    await eventually(() => bridge.openState().undecidedUpgrades === 0);
    expect(bridge.openState()).toEqual(EMPTY);
    expect(await admin.keys('ai:session:*')).toEqual([]);
  });
});

it('the session that a client names is looked up, one that the bridge makes is not', async () => {
  const { url } = await start({});
  // The look-up alone, of a handshake's scripts, has a GET.
  const lookUps = async (query: string): Promise<number> => {
    await admin.config('RESETSTAT');
    const client = await connect(`${url}/ws/ai/chat${query}`, ALICE);
    const stats = await admin.info('commandstats');
    await client.close();
    return Number(/^cmdstat_get:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  };
  expect(await lookUps('?session=s1')).toBe(1);
  expect(await lookUps('')).toBe(0);
});
