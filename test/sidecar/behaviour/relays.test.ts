import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { publisher, type Publish } from '../../../sidecar/redis/publish';
import { askStream } from '../../fakes/event-source';
import { startRedisCluster } from '../../fakes/redis-cluster';
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
import { startRedisProxy, type RedisProxy } from '../redis-proxy';

/** Redis lets so many bytes wait for one subscriber here; it cuts one that more waits for. */
const SMALL = 'pubsub 65536 0 0';
/**
 * Publishes more than that at once: a script's messages wait together. Each is below 16 KiB. Larger ones are not copied by
 * Valkey 9, and so it does not count them.
 */
const FLOOD = `for _ = 1, 100 do redis.call(ARGV[1], KEYS[1], string.rep('x', 10000)) end`;

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'globex', user: 'bob' };

/** A Redis that cuts subscribers soon. */
interface StrictRedis {
  readonly url: string;
  readonly publish: Publish;
  /** Publishes so much on a channel that its subscribers are cut. */
  flood(channel: string): Promise<unknown>;
  /** The connections of bridges that have this name. */
  connections(name: string): Promise<number>;
  stop(): Promise<void>;
}

const oneServer = async (): Promise<StrictRedis> => {
  const server = await startRedis();
  const client = new Redis(server.url);
  await client.config('SET', 'client-output-buffer-limit', SMALL);
  return {
    url: server.url,
    publish: publisher(client),
    flood: (channel) => client.eval(FLOOD, 1, channel, 'publish'),
    connections: (name) => countNamed(client, name),
    stop: async () => {
      client.disconnect();
      await server.stop();
    },
  };
};

const cluster = async (): Promise<StrictRedis> => {
  const nodes = await startRedisCluster({ isSteady: true });
  await Promise.all(nodes.nodes.map(({ redis }) => redis.config('SET', 'client-output-buffer-limit', SMALL)));
  return {
    url: nodes.url,
    publish: publisher(nodes.client),
    flood: (channel) => nodes.client.eval(FLOOD, 1, channel, 'spublish'),
    connections: async (name) => {
      const counts = await Promise.all(nodes.nodes.map(({ redis }) => countNamed(redis, name)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    stop: () => nodes.stop(),
  };
};

async function countNamed(redis: Redis, name: string): Promise<number> {
  const list = (await redis.client('LIST')) as string;
  return list.split('\n').filter((line) => line.includes(` name=ws-bridge:${name} `)).length;
}

let bridge: TestBridge;

afterEach(async () => {
  await bridge.bridge.close();
});

async function readiness(): Promise<unknown> {
  return (await fetch(`${bridge.adminUrl}/readyz`)).json();
}

async function status(): Promise<number> {
  return (await fetch(`${bridge.adminUrl}/readyz`)).status;
}

async function value(name: string): Promise<number> {
  const text = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

describe.each([
  ['one server', oneServer, 1],
  ['a cluster', cluster, 3],
] as const)('relayed messages that Redis cuts a bridge for, on %s', (_, start, masters) => {
  let redis: StrictRedis;

  beforeAll(async () => {
    redis = await start();
  });

  afterAll(async () => {
    await redis.stop();
  });

  it('cost those who hear relayed messages a gap, and nobody else anything', async () => {
    bridge = await startBridge(redis.url);
    await eventually(async () => (await status()) === 200);
    const peer = await connectCounting(`${bridge.url}/ws/collaboration/plan`, ALICE);
    const inbox = await connectCounting(`${bridge.url}/ws/notifications`, BOB);
    const upgrades: Promise<{ readonly status: number }>[] = [];
    for (let round = 0; round < 3; round += 1) {
      await redis.flood('acme:collaboration:plan');
      upgrades.push(headersFor(BOB).then((headers) => askUpgrade(`${bridge.url}/ws/notifications`, headers)));
      expect(await peer.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'redis' } });
    }
    await redis.publish('globex:notifications', 'heard');
    expect(await inbox.next()).toBe('heard');
    expect((await Promise.all(upgrades)).map((answer) => answer.status)).toEqual([101, 101, 101]);
    await redis.publish('acme:collaboration:plan', 'heard again');
    expect(await peer.next()).toBe('heard again');
    expect(await value('ws_bridge_gaps_total{route="notifications",reason="redis"}')).toBe(0);
  });

  it('come over connections of their own, one to each master', async () => {
    bridge = await startBridge(redis.url);
    await eventually(async () => (await status()) === 200);
    expect(await redis.connections('relays')).toBe(masters);
    expect(await redis.connections('subscriber')).toBe(masters);
  });
});

describe('relayed messages that the bridge does not hear come back from Redis', () => {
  const MAX_BYTES = 65_536;
  const MESSAGE = Buffer.alloc(8192, 'x');
  const COUNT = 40;

  it('hold the tenant that sends them, and no other, until they do', async () => {
    const server = await startRedis();
    const proxy = await startRedisProxy(server.port);
    const [observer, redis] = [new Redis(server.url), new Redis(server.url)];
    const heard = { alice: 0, bob: 0 };
    observer.on('pmessageBuffer', (_: Buffer, channel: Buffer) => {
      heard[channel.toString().startsWith('acme:') ? 'alice' : 'bob'] += 1;
    });
    await observer.psubscribe('*:collaboration:plan');
    bridge = await startBridge(proxy.url, {
      BRIDGE_MAX_RELAY_BACKLOG_BYTES: `${MAX_BYTES}`,
      BRIDGE_PROBE_TIMEOUT_MS: '60000',
      BRIDGE_REDIS_TIMEOUT_MS: '60000',
    });
    const [alice, bob] = await Promise.all(
      [ALICE, BOB].map((caller) => connect(`${bridge.url}/ws/collaboration/plan`, caller)),
    );
    await eventually(async () => (await status()) === 200);
    expect(proxy.mute('ws-bridge:relays')).toBe(1);
    for (let sent = 0; sent < COUNT; sent += 1) alice?.socket.send(MESSAGE);
    await eventually(() => heard.alice * MESSAGE.length >= MAX_BYTES);
    for (let sent = 0; sent < 3; sent += 1) bob?.socket.send('small');
    await eventually(() => heard.bob === 3);
    expect(heard.alice).toBeLessThan(COUNT);
    const lag = await value('ws_bridge_relay_backlog_bytes');
    expect(lag).toBeGreaterThanOrEqual(MAX_BYTES);

    // A new one is heard: what waited for the old one is lost, as the peers are told.
    await killNamed(redis, 'ws-bridge:relays');
    await eventually(() => heard.alice === COUNT);
    await Promise.all([alice?.close(), bob?.close()]);
    for (const one of [observer, redis]) one.disconnect();
    proxy.close();
    await server.stop();
  });

  it('let no posted message of the tenant go out until they do: who is told to send it again sent it once', async () => {
    const server = await startRedis();
    const proxy = await startRedisProxy(server.port);
    const [observer, redis] = [new Redis(server.url), new Redis(server.url)];
    const heard: number[] = [];
    observer.on('messageBuffer', (_: Buffer, message: Buffer) => heard.push(message.at(-1) ?? 0));
    await observer.subscribe('acme:collaboration:plan');
    bridge = await startBridge(proxy.url, {
      BRIDGE_MAX_RELAY_BACKLOG_BYTES: '1024',
      BRIDGE_HANDSHAKE_TIMEOUT_MS: '3000',
      BRIDGE_PROBE_TIMEOUT_MS: '60000',
      BRIDGE_REDIS_TIMEOUT_MS: '60000',
    });
    await eventually(async () => (await status()) === 200);
    expect(proxy.mute('ws-bridge:relays')).toBe(1);
    const post = async (last: number): Promise<number> => {
      const headers = await headersFor({ ...ALICE, path: '/ws/collaboration/plan' });
      const body = Buffer.alloc(2000, last);
      const type = { 'Content-Type': 'application/octet-stream' };
      const answer = await askStream(
        `${bridge.url}/ws/collaboration/plan`,
        { ...headers, ...type },
        'POST',
        body,
      );
      return 'status' in answer ? answer.status : 200;
    };
    expect([await post(1), await post(2)]).toEqual([202, 503]);
    await killNamed(redis, 'ws-bridge:relays');
    await eventually(async () => (await value('ws_bridge_relay_backlog_bytes')) === 0);
    expect(await post(3)).toBe(202);
    await eventually(() => heard.includes(3));
    expect(heard).toEqual([1, 3]);
    for (const one of [observer, redis]) one.disconnect();
    proxy.close();
    await server.stop();
  });

  async function killNamed(redis: Redis, name: string): Promise<void> {
    const list = (await redis.client('LIST')) as string;
    const line = list.split('\n').find((one) => one.includes(` name=${name} `)) ?? '';
    await redis.client('KILL', 'ID', /^id=(\d+)/.exec(line)?.[1] ?? '');
  }
});

describe('relays that cannot be had, while all else of Redis can', () => {
  let server: RedisServer;
  let proxy: RedisProxy;
  let redis: Redis;
  let nowMs = 1_000_000;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    await redis.config('SET', 'client-output-buffer-limit', SMALL);
  });

  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  /** From now on whatever connects to Redis is turned away; then the relays' connection is cut. */
  async function loseRelays(): Promise<void> {
    proxy = await startRedisProxy(server.port);
    bridge = await startBridge(proxy.url, {}, { monotonicMs: () => nowMs });
    await eventually(async () => (await status()) === 200);
    const peer = await connectCounting(`${bridge.url}/ws/collaboration/plan`, ALICE);
    proxy.lead(1);
    await redis.eval(FLOOD, 1, 'acme:collaboration:plan', 'publish');
    await eventually(async () => (await value('ws_bridge_redis_up{connection="relays"}')) === 0);
    await peer.client.close();
  }

  afterEach(() => {
    proxy.close();
  });

  it('refuse upgrades of routes that relay, and no others', async () => {
    await loseRelays();
    const statuses: number[] = [];
    for (const path of [
      '/ws/collaboration/plan',
      '/ws/notifications',
      '/ws/ai/chat',
      '/ws/bi/dashboards/1',
    ]) {
      statuses.push((await askUpgrade(bridge.url + path, await headersFor(ALICE))).status);
    }
    expect(statuses).toEqual([503, 101, 101, 101]);
  });

  it('make a bridge unready once they are away for 30 s, and ready again at once', async () => {
    await loseRelays();
    nowMs += 30_000;
    expect([await status(), await readiness()]).toMatchObject([200, { ready: { redisRelays: true } }]);
    nowMs += 1;
    expect([await status(), await readiness()]).toMatchObject([
      503,
      { ready: { redisRelays: false, redisSubscriber: true, delivery: true } },
    ]);
    proxy.lead(server.port);
    await eventually(async () => (await status()) === 200);
    const peer = await connect(`${bridge.url}/ws/collaboration/plan`, ALICE);
    await redis.publish('acme:collaboration:plan', 'heard');
    expect(await peer.nextText()).toBe('heard');
  });
});
