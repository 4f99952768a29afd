import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connect,
  connectCounting,
  EMPTY,
  eventually,
  startBridge,
  type CountingClient,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const NOTIFICATIONS = 'acme:notifications';
const DASHBOARD = 'acme:dashboard:refresh:d1';
const PADDING = 'x'.repeat(64 * 1024);
/** More than the kernel's buffers of a connection hold. */
const COUNT = 400;
const LAST = `${COUNT - 1}:${PADDING}`;
/** Who reads nothing answers no ping. */
const UNPINGED = { BRIDGE_PING_INTERVAL_MS: '600000' };

let redisServer: RedisServer;
let redis: Redis;
let bridge: TestBridge;

beforeAll(async () => {
  redisServer = await startRedis();
  redis = new Redis(redisServer.url);
});
afterAll(async () => {
  redis.disconnect();
  await redisServer.stop();
});
afterEach(async () => {
  await bridge.bridge.close();
});

async function start(maxBufferBytes: number): Promise<void> {
  bridge = await startBridge(redisServer.url, { ...UNPINGED, BRIDGE_MAX_BUFFER_BYTES: `${maxBufferBytes}` });
}

async function publishMany(channel: string): Promise<void> {
  for (let i = 0; i < COUNT; i += 1) await redis.publish(channel, `${i}:${PADDING}`);
}

async function metrics(): Promise<string> {
  return (await fetch(`${bridge.adminUrl}/metrics`)).text();
}

function numberOf(frame: string): number {
  return Number(frame.slice(0, frame.indexOf(':')));
}

describe('a client that does not take its frames', () => {
  it('is closed with 4408 once more than the limit waits for it, and the others miss nothing', async () => {
    await start(262_144);
    const url = `${bridge.url}/ws/notifications`;
    const slow = await connect(url, ALICE);
    const fast = await connect(url, ALICE);
    let got = 0;
    fast.socket.on('message', () => (got += 1));
    slow.socket.pause();
    await publishMany(NOTIFICATIONS);
    await eventually(() => got === COUNT);
    // It takes no part in the closing handshake either.
    await eventually(() => bridge.bridge.openState().connections === 1);
    slow.socket.terminate();
    await fast.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  }, 60_000);

  it('gets its frames and then its close code when it reads again in time, and resumes with no gap', async () => {
    bridge = await startBridge(redisServer.url, {
      ...UNPINGED,
      BRIDGE_MAX_BUFFER_BYTES: '262144',
      BRIDGE_RING_MAX_BYTES: `${64 * 1024 * 1024}`,
    });
    const url = `${bridge.url}/ws/notifications`;
    const slow = await connectCounting(url, ALICE);
    slow.client.socket.pause();
    const published = publishMany(NOTIFICATIONS);
    await eventually(async () => /action="closed",bound="socket"\} [1-9]/.test(await metrics()));
    slow.client.socket.resume();
    expect(await slow.client.closed).toBe(4408);
    await published;
    expect(await metrics()).toMatch(/ws_bridge_closes_total\{[^}]*code="4408"[^}]*\} 1/);
    const got: number[] = [];
    const readKept = async (counting: CountingClient): Promise<void> => {
      const kept = await counting.take(counting.client.kept);
      got.push(...kept.map((frame) => numberOf(frame as string)));
    };
    await readKept(slow);
    // More than the limit is missed, so it may be too slow again.
    for (let from = slow; got.length < COUNT;) {
      const back = await connectCounting(url, ALICE, from.point);
      expect(back.ready.resumed).toBe(true);
      await Promise.race([back.client.closed, eventually(() => back.client.kept === COUNT - got.length)]);
      await readKept(back);
      from = back;
      await back.client.cut();
    }
    expect(got).toEqual(Array.from({ length: COUNT }, (_, index) => index));
  }, 60_000);

  it('is not given up for one message larger than the limit', async () => {
    await start(1000);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await redis.publish(NOTIFICATIONS, PADDING);
    expect((await client.next()).data.equals(Buffer.from(PADDING))).toBe(true);
    await client.close();
  });

  it('is not given up for many messages in one turn, larger than the limit together', async () => {
    await start(1000);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    const messages = Array.from({ length: 50 }, (_, index) => `${index}:${'y'.repeat(100)}`);
    const pipeline = redis.pipeline();
    for (const message of messages) pipeline.publish(NOTIFICATIONS, message);
    await pipeline.exec();
    for (const message of messages) expect(await client.nextText()).toBe(message);
    await client.close();
  });
});

describe('a client that does not take the frames of a dashboard', () => {
  it('gets the newest in place of those that waited, and stays', async () => {
    await start(262_144);
    const slow = await connect(`${bridge.url}/ws/bi/dashboards/d1`, ALICE);
    slow.socket.pause();
    await publishMany(DASHBOARD);
    await eventually(async () => /action="replaced",bound="socket"\} [1-9]/.test(await metrics()));
    slow.socket.resume();
    const got: number[] = [];
    for (let last = ''; last !== LAST; got.push(numberOf(last))) last = await slow.nextText();
    expect(got.length).toBeLessThan(COUNT);
    expect(got).toEqual([...got].sort((a, b) => a - b));
    await redis.publish(DASHBOARD, 'live');
    expect(await slow.nextText()).toBe('live');
    expect(slow.socket.readyState).toBe(slow.socket.OPEN);
    await slow.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  }, 60_000);

  it('is told exactly where frames were left out, and resumes there', async () => {
    bridge = await startBridge(redisServer.url, {
      ...UNPINGED,
      BRIDGE_MAX_BUFFER_BYTES: '262144',
      BRIDGE_RING_MAX_BYTES: `${64 * 1024 * 1024}`,
    });
    const url = `${bridge.url}/ws/bi/dashboards/d1`;
    const slow = await connectCounting(url, ALICE);
    slow.client.socket.pause();
    await publishMany(DASHBOARD);
    await eventually(async () => /action="replaced",bound="socket"\} [1-9]/.test(await metrics()));
    slow.client.socket.resume();
    let expected = 0;
    let gaps = 0;
    for (let last = ''; last !== LAST;) {
      const frame = await slow.next();
      if (typeof frame !== 'string') {
        if (frame.type !== 'bridge.gap') throw new Error(`expected a gap, got ${frame.type}`);
        expect(frame.data).toMatchObject({ reason: 'slow', epoch: slow.ready.epoch });
        const next = frame.data.offset - slow.ready.offset;
        expect(next).toBeGreaterThan(expected);
        [expected, gaps] = [next, gaps + 1];
        continue;
      }
      expect(numberOf(frame)).toBe(expected);
      expected += 1;
      last = frame;
    }
    expect(gaps).toBeGreaterThan(0);
    await slow.client.cut();
    await redis.publish(DASHBOARD, 'missed');
    const back = await connectCounting(url, ALICE, slow.point);
    expect(back.ready).toMatchObject({ resumed: true, epoch: slow.ready.epoch });
    expect(await back.next()).toBe('missed');
    await back.client.close();
  }, 60_000);
});
