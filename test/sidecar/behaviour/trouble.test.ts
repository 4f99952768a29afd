import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connectCounting, connect, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';
import { startRedisProxy, type RedisProxy } from '../redis-proxy';

const ALICE = { tenant: 'acme', user: 'alice' };

let redis: RedisServer;
let proxy: RedisProxy;
let bridge: TestBridge;

beforeEach(async () => {
  redis = await startRedis();
  proxy = await startRedisProxy(redis.port);
  bridge = await startBridge(proxy.url, {
    BRIDGE_REDIS_TIMEOUT_MS: '4000',
    BRIDGE_PROBE_INTERVAL_MS: '100',
    BRIDGE_PROBE_TIMEOUT_MS: '4000',
  });
  await eventually(ready);
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  proxy.close();
  await redis.stop();
});

async function ready(): Promise<boolean> {
  return (await fetch(`${bridge.adminUrl}/readyz`)).status === 200;
}

async function withPublisher<T>(use: (publisher: Redis) => Promise<T>): Promise<T> {
  const publisher = new Redis(redis.url);
  try {
    return await use(publisher);
  } finally {
    publisher.disconnect();
  }
}

describe('when the connection to Redis is lost', () => {
  it('every bridge.v1 client gets one gap when the subscriptions are back, then every frame', async () => {
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    const inbox = await connectCounting(`${bridge.url}/ws/notifications`, ALICE);
    await redis.restart();
    for (const client of [chat, inbox]) {
      const gap = await client.next();
      expect(gap).toMatchObject({ type: 'bridge.gap', data: { reason: 'redis' } });
      expect(gap).not.toMatchObject({ data: { epoch: client.ready.epoch } });
    }
    await withPublisher(async (publisher) => {
      await publisher.publish('ai:stream:s1', 'a');
      await publisher.publish('acme:notifications', 'b');
      await publisher.publish('acme:notifications:alice', 'c');
    });
    expect([await chat.next(), ...(await inbox.take(2))]).toEqual(['a', 'b', 'c']);
    await chat.client.cut();
    await withPublisher((publisher) => publisher.publish('ai:stream:s1', 'd'));
    const again = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE, chat.point);
    expect([again.ready.resumed, await again.next()]).toEqual([true, 'd']);
  });

  it('a client that left before it is told of a gap when it comes back', async () => {
    const url = `${bridge.url}/ws/notifications`;
    const inbox = await connectCounting(url, ALICE);
    await inbox.client.cut();
    await redis.restart();
    await eventually(ready);
    const again = await connectCounting(url, ALICE, inbox.point);
    expect(again.ready.resumed).toBe(false);
    expect(await again.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
  });
});

describe('a subscription that hangs while its connection looks well', () => {
  it('is found by a probe, makes the bridge unready, and is opened anew with a gap', async () => {
    const inbox = await connectCounting(`${bridge.url}/ws/notifications`, ALICE);
    const plain = await connect(`${bridge.url}/ws/notifications`, ALICE);
    expect(proxy.mute('ws-bridge:subscriber')).toBe(1);
    await withPublisher((publisher) => publisher.publish('acme:notifications', 'lost'));
    await eventually(async () => !(await ready()));
    expect(await inbox.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'redis' } });
    await eventually(ready);
    await withPublisher((publisher) => publisher.publish('acme:notifications', 'heard'));
    expect([await inbox.next(), await plain.nextText()]).toEqual(['heard', 'heard']);
    expect(bridge.logLines.filter((line) => line.includes('not heard'))).toHaveLength(1);
  });
});

describe('a command of a bridge.v1 client', () => {
  it('whose id came before is acknowledged again and not run again, on any connection', async () => {
    const url = `${bridge.url}/ws/ai/chat?session=s1`;
    const chat = await connectCounting(url, ALICE);
    for (const round of [1, 2]) {
      chat.send(JSON.stringify({ type: 'ask', data: round, id: 'c1' }));
      expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    }
    await chat.client.cut();
    const again = await connectCounting(url, ALICE);
    again.send('{"type":"ask","data":3,"id":"c1"}');
    again.send('{"type":"ask","data":4,"id":"c2"}');
    expect(await again.take(2)).toMatchObject([{ data: { id: 'c1' } }, { data: { id: 'c2' } }]);
    const other = await connectCounting(`${bridge.url}/ws/ai/chat?session=s2`, ALICE);
    other.send('{"type":"ask","data":5,"id":"c1"}');
    expect(await other.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    await withPublisher(async (publisher) => {
      const entries = await publisher.xrange('ai:commands', '-', '+');
      expect(entries.map(([, fields]) => fields[fields.indexOf('data') + 1])).toEqual(['1', '4', '5']);
    });
  });

  it('whose acknowledgement was lost runs once when it is sent again', async () => {
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    expect(proxy.mute('ws-bridge:commands')).toBe(1);
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toMatchObject({
      type: 'bridge.error',
      data: { code: 'UNAVAILABLE', id: 'c1' },
    });
    const other = await startBridge(redis.url);
    const again = await connectCounting(`${other.url}/ws/ai/chat?session=s1`, ALICE);
    again.send('{"type":"ask","id":"c1"}');
    expect(await again.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    await withPublisher(async (publisher) => {
      expect(await publisher.xlen('ai:commands')).toBe(1);
    });
    await other.bridge.close();
  });

  it('that Redis answers too late runs once, however often it is sent again', async () => {
    // After SIGCONT a busy machine has this long to answer the last one.
    const hasty = await startBridge(redis.url, { BRIDGE_REDIS_TIMEOUT_MS: '2000' });
    const chat = await connectCounting(`${hasty.url}/ws/ai/chat?session=s1`, ALICE);
    process.kill(redis.pid, 'SIGSTOP');
    try {
      for (let round = 0; round < 2; round += 1) {
        chat.send('{"type":"ask","id":"c1"}');
        expect(await chat.next()).toMatchObject({ data: { code: 'UNAVAILABLE', id: 'c1' } });
      }
      chat.send('{"type":"ask","id":"c1"}');
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    await withPublisher(async (publisher) => {
      expect(await publisher.xlen('ai:commands')).toBe(1);
    });
    await hasty.bridge.close();
  });

  it('that the stream does not take leaves no trace of its id', async () => {
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    await withPublisher((publisher) => publisher.set('ai:commands', 'not a stream'));
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toMatchObject({ data: { code: 'UNAVAILABLE', id: 'c1' } });
    await withPublisher((publisher) => publisher.del('ai:commands'));
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    await withPublisher(async (publisher) => {
      expect(await publisher.xlen('ai:commands')).toBe(1);
    });
  });
});
