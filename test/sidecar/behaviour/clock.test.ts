import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  eventually,
  headersFor,
  startBridge,
  type Caller,
  type TestBridge,
} from '../fixture';

const HOUR_MS = 3_600_000;
const ALICE: Caller = { tenant: 'acme', user: 'alice' };

let redis: RedisServer;
let bridge: TestBridge;
/** The wall clock, and how far it is set from what it was. */
let wallMs: number;
/** The clock that nobody sets. */
let monotonicMs: number;

beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(async () => {
  [wallMs, monotonicMs] = [Date.now(), 1000];
  const env = { BRIDGE_DRAIN_MS: '10000', BRIDGE_LINGER_MS: '5000', BRIDGE_MESSAGE_TIMEOUT_MS: '5000' };
  bridge = await startBridge(redis.url, env, { now: () => wallMs, monotonicMs: () => monotonicMs });
});
afterEach(async () => {
  await bridge.bridge.close();
});
afterAll(async () => {
  await redis.stop();
});

function pass(ms: number): void {
  wallMs += ms;
  monotonicMs += ms;
}

const open = (path: string, caller = ALICE, offers: string[] = []) =>
  connect(`${bridge.url}${path}`, caller, offers);

describe.each([
  ['back', -HOUR_MS],
  ['on', HOUR_MS],
])('a wall clock that is set an hour %s', (_, stepMs) => {
  /** Its token outlives every step. */
  const longLived: Caller = { ...ALICE, exp: Date.now() / 1000 + 100_000 };

  it('ends no drain early or late, nor the lingering after it', async () => {
    const [plain, resuming] = await Promise.all([
      open('/ws/notifications', longLived),
      open('/ws/notifications', longLived, ['bridge.v1']),
    ]);
    let drained = false;
    const drain = bridge.bridge.drain().then(() => (drained = true));
    wallMs += stepMs;
    pass(5000);
    await eventually(() => bridge.bridge.openState().connections === 1);
    pass(5000);
    await Promise.all([plain.closed, resuming.closed]);
    expect(drained).toBe(false);
    await eventually(() => bridge.bridge.openState().connections === 0);
    pass(5000);
    await drain;
  });

  it('leaves a message its time to be finished, and no more', async () => {
    const [earlier, later] = await Promise.all([
      open('/ws/collaboration/doc', longLived),
      open('/ws/collaboration/doc', longLived),
    ]);
    earlier.socket.send('begun', { fin: false });
    await eventually(() => bridge.bridge.openState().deadlines === 3);
    pass(1000);
    later.socket.send('begun', { fin: false });
    await eventually(() => bridge.bridge.openState().deadlines === 4);
    wallMs += stepMs;
    pass(4000);
    expect(await earlier.closed).toBe(1006);
    await eventually(() => bridge.bridge.openState().connections < 2);
    expect(bridge.bridge.openState().connections).toBe(1);
    pass(1000);
    expect(await later.closed).toBe(1006);
  });

  it('leaves the rate of messages as it is', async () => {
    const client = await open('/ws/collaboration/doc', longLived);
    for (let count = 0; count < 200; count += 1) client.socket.send('x');
    wallMs += stepMs;
    for (let count = 0; count < 250; count += 1) client.socket.send('x');
    expect(await client.closed).toBe(4429);
  });
});

it('a token ends by the wall clock, also when that was set', async () => {
  const client = await open('/ws/notifications', { ...ALICE, exp: wallMs / 1000 + 60 });
  wallMs += 61_000;
  expect(await client.closed).toBe(4401);
});

it('a token ends no later than it would have when the clock is set back an hour', async () => {
  const client = await open('/ws/notifications', { ...ALICE, exp: wallMs / 1000 + 60 });
  wallMs -= HOUR_MS;
  pass(59_000);
  await eventually(() => bridge.bridge.openState().connections === 1);
  pass(2000);
  expect(await client.closed).toBe(4401);
});

it('a tenant that was revoked logs in again although the clock was set back an hour since', async () => {
  const publisher = new Redis(redis.url);
  const revoked = await open('/ws/notifications');
  await publisher.publish('ws:control', '{"type":"revoke","tenant":"acme"}');
  publisher.disconnect();
  expect(await revoked.closed).toBe(4401);
  wallMs -= HOUR_MS;
  const upgrade = async (): Promise<number> => {
    const headers = await headersFor({ ...ALICE, exp: wallMs / 1000 + 900 }, wallMs);
    return (await askUpgrade(`${bridge.url}/ws/notifications`, headers)).status;
  };
  pass(4000);
  expect(await upgrade()).toBe(401);
  pass(3000);
  expect(await upgrade()).toBe(101);
});

it('an assertion is accepted once although the clock was set on an hour and back again', async () => {
  const headers = await headersFor(ALICE, wallMs);
  const upgrade = async (given: Record<string, string>): Promise<number> =>
    (await askUpgrade(`${bridge.url}/ws/notifications`, given)).status;
  expect(await upgrade(headers)).toBe(101);
  wallMs += HOUR_MS;
  expect(await upgrade(await headersFor(ALICE, wallMs))).toBe(101);
  wallMs -= HOUR_MS;
  expect(await upgrade(headers)).toBe(401);
});
