import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, connect, eventually, headersFor, startBridge, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };

let redis: RedisServer;
let bridge: TestBridge;

beforeEach(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url, {
    BRIDGE_MAX_CONNECTIONS_PER_USER: '1',
    BRIDGE_MAX_CONNECTIONS: '2',
  });
  await eventually(async () => (await check()).status === 200);
});
afterEach(async () => {
  await bridge.bridge.close();
  await redis.stop();
});

function check(init: RequestInit = {}, path = '/healthz'): Promise<Response> {
  return fetch(bridge.url.replace(/^ws/, 'http') + path, init);
}

describe('/healthz on the traffic port', () => {
  it('is 200 while upgrades can be admitted, with no identity asked for, and says which parts are ready', async () => {
    const response = await check({}, '/healthz?from=kong');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('connection')).toBe('close');
    expect(await response.json()).toEqual({
      status: 'ok',
      ready: {
        redisCommands: true,
        redisSubscriber: true,
        redisRelays: true,
        delivery: true,
        accepting: true,
      },
    });
    const head = await check({ method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('is 503 while Redis is away, and its body names the part', async () => {
    await redis.stop();
    await eventually(async () => (await check()).status === 503);
    expect(await (await check()).json()).toMatchObject({ ready: { redisCommands: false, accepting: true } });
  });

  it('stays 200 while one user, or everybody together, is refused for a cap', async () => {
    const url = `${bridge.url}/ws/notifications`;
    await connect(url, ALICE);
    expect(await askUpgrade(url, await headersFor(ALICE))).toMatchObject({ status: 429 });
    expect((await check()).status).toBe(200);
    await connect(url, { ...ALICE, user: 'bob' });
    expect(await askUpgrade(url, await headersFor({ ...ALICE, user: 'eve' }))).toMatchObject({ status: 503 });
    expect((await check()).status).toBe(200);
  });

  it('is not there for what a gateway passes on, so that it never looks healthy for a gatekeeper that is dead', async () => {
    expect((await check({ headers: { 'X-Forwarded-For': '192.0.2.1' } })).status).toBe(404);
  });

  it('is no WebSocket route, and takes GET and HEAD alone', async () => {
    expect(await askUpgrade(`${bridge.url}/healthz`, await headersFor(ALICE))).toMatchObject({ status: 404 });
    const post = await check({ method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
