import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { clientChannels, connect } from '../sidecar/fixture';
import { BridgeProcess } from './bridge-process';
import { FaultyGateway } from './gateway';
import { Listener } from './listener';
import { Publisher } from './publisher';
import { randomFrom } from './random';
import { seatsFor, subjectsOf } from './seat';
import { Tally } from './tally';
import { lingerOf } from './settings-linger';
import { until } from './until';

/** PROTOCOL.md §6: a second. The rest is for a noisy machine, and shorter than what these bridges do now and then takes to come. */
const PROMPTLY_MS = 10_000;
const HELD = ['ws_bridge_connections', 'ws_bridge_streams', 'ws_bridge_subscriptions', 'ws_bridge_sessions'];
const EMPTY_WITHIN_MS = 30_000;
const ENV = {
  BRIDGE_DRAIN_MS: '0',
  // Who was revoked is refused for as long as clocks may differ, and tries again meanwhile.
  ...lingerOf(15_000),
};

let redis: RedisServer;
let bridges: readonly BridgeProcess[];

beforeEach(async () => {
  redis = await startRedis();
  bridges = await Promise.all([BridgeProcess.start(redis.url, ENV), BridgeProcess.start(redis.url, ENV)]);
});
afterEach(async () => {
  try {
    assert.equal(await until(holdNothing, EMPTY_WITHIN_MS), true);
    for (const bridge of bridges) bridge.signal('SIGTERM');
    assert.deepEqual(await Promise.all(bridges.map(({ ended }) => ended)), [0, 0]);
  } finally {
    for (const bridge of bridges) bridge.signal('SIGKILL');
    await redis.stop();
  }
}, 60_000);

async function holdNothing(): Promise<boolean> {
  const held = await Promise.all(bridges.flatMap((bridge) => HELD.map((name) => bridge.gauge(name))));
  const connection = new Redis(redis.url);
  const channels = await clientChannels(connection);
  connection.disconnect();
  return held.every((count) => count === 0) && channels.length === 0;
}

/** A client at each bridge; resolves with when each was closed, in milliseconds since the epoch, and how. */
async function closings(exp: number, from: () => Promise<unknown>) {
  const clients = await Promise.all(
    bridges.map(({ port }) =>
      connect(`ws://127.0.0.1:${port}/ws/notifications`, { tenant: 'acme', user: 'u', jti: 'j', exp }),
    ),
  );
  const closed = clients.map(async (client) => ({ code: await client.closed, atMs: Date.now() }));
  await from();
  return Promise.all(closed);
}

describe('on two bridges', () => {
  it("a socket is closed with 4401 promptly at its token's exp, and not before", async () => {
    const exp = Math.ceil(Date.now() / 1000) + 5;
    for (const { code, atMs } of await closings(exp, () => Promise.resolve())) {
      expect(code).toBe(4401);
      expect(atMs).toBeGreaterThanOrEqual(exp * 1000);
      expect(atMs).toBeLessThan(exp * 1000 + PROMPTLY_MS);
    }
  });

  it.each([{ jti: 'j' }, { tenant: 'acme', user: 'u' }, { tenant: 'acme' }])(
    'a revocation of %p closes its sockets with 4401 promptly',
    async (whom) => {
      const publisher = new Redis(redis.url);
      let fromMs = Infinity;
      const all = await closings(Date.now() / 1000 + 900, async () => {
        fromMs = Date.now();
        await publisher.publish('ws:control', JSON.stringify({ type: 'revoke', ...whom }));
      });
      publisher.disconnect();
      expect(all.map(({ code }) => code)).toEqual([4401, 4401]);
      for (const { atMs } of all) expect(atMs - fromMs).toBeLessThan(PROMPTLY_MS);
    },
  );

  it('whoever is revoked comes back with a new token, on either, and misses nothing', async () => {
    const seats = seatsFor(20, 2);
    const gateway = await FaultyGateway.start(randomFrom(1));
    await Promise.all(bridges.map((bridge) => gateway.add(bridge)));
    const publisher = new Publisher(redis.url, subjectsOf(seats, 20));
    await publisher.ready();
    const tally = new Tally();
    const times = { tokenLifetimeMs: 900_000, renewBeforeMs: 30_000, idleTimeoutMs: 300_000 };
    const listeners = seats.map((seat) => new Listener(seat, gateway.url, tally, times, Math.random));
    await until(() => listeners.every(({ wasOpen }) => wasOpen));
    publisher.start();
    const control = new Redis(redis.url);
    await control.publish('ws:control', '{"type":"revoke","tenant":"t0"}');
    const from = publisher.counts();
    await until(
      () => tally.closes['4401'] === 10 && listeners.every(({ ledger }) => ledger.hasReached(from)),
    );
    publisher.stop();
    await until(() => listeners.every(({ ledger }) => ledger.isComplete(publisher.published)));
    const scores = listeners.map(({ ledger }) => ledger.score(publisher.published));
    for (const listener of listeners) listener.leave();
    publisher.close();
    control.disconnect();
    await gateway.stop();
    for (const { heard, ...faults } of scores) {
      expect(heard).toBeGreaterThan(0);
      expect(Object.values(faults).every((count) => count === 0)).toBe(true);
    }
    expect(tally.greetings).toEqual({ fresh: 20, resumed: 10 });
  }, 60_000);
});
