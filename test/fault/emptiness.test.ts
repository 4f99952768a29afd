import { randomInt } from 'node:crypto';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { clientChannels, EMPTY, eventually, startBridge, type TestBridge } from '../sidecar/fixture';
import { Redis } from 'ioredis';
import { FaultyGateway, type Backend } from './gateway';
import { Listener } from './listener';
import { planFrom } from './plan';
import { Publisher } from './publisher';
import { randomFrom } from './random';
import { seatsFor, subjectsOf } from './seat';
import { Tally } from './tally';
import { until, wait } from './until';

const { seed } = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const HOUR_MS = 3_600_000;
const TIMES = { tokenLifetimeMs: 2000, renewBeforeMs: 500, idleTimeoutMs: 1500 };

let redis: RedisServer;
let gateway: FaultyGateway;
let aheadMs: number;

beforeEach(async () => {
  redis = await startRedis();
  gateway = await FaultyGateway.start(randomFrom(seed));
  aheadMs = 0;
});
afterEach(async () => {
  await gateway.stop();
  await redis.stop();
});

/** A bridge in this process, whose clock the test can put forward. */
async function added(): Promise<TestBridge & Backend> {
  const env = { BRIDGE_DRAIN_MS: '500', BRIDGE_PING_INTERVAL_MS: '1000' };
  const bridge = await startBridge(redis.url, env, () => Date.now() + aheadMs);
  const backend = {
    ...bridge,
    port: Number(new URL(bridge.url).port),
    adminPort: Number(new URL(bridge.adminUrl).port),
  };
  await gateway.add(backend);
  return backend;
}

it(`bridges hold nothing after clients that were cut, expired and sent elsewhere have left (SEED=${seed})`, async () => {
  const seats = seatsFor(40, 4);
  const publisher = new Publisher(redis.url, subjectsOf(seats, 10));
  await publisher.ready();
  const [first, second] = await Promise.all([added(), added()]);
  const tally = new Tally();
  const random = randomFrom(seed);
  const listeners = seats.map((seat) => new Listener(seat, gateway.url, tally, TIMES, () => random.next()));
  await until(() => listeners.every(({ wasOpen }) => wasOpen));
  publisher.start();
  const stopCutting = gateway.cutAtRandom(10);
  await wait(1000);
  const third = await added();
  const drained = first.bridge.drain();
  await gateway.removeOnceUnready(first);
  await wait(1000);
  stopCutting();
  publisher.close();
  for (const listener of listeners) listener.leave();
  gateway.cutAll();
  const bridges = [first, second, third];
  await eventually(() => bridges.every(({ bridge }) => bridge.openState().connections === 0));
  expect(second.bridge.openState().streams + third.bridge.openState().streams).toBeGreaterThan(0);
  // Streams that linger for clients that come back end; so do the tokens.
  let isDrained = false;
  void drained.then(() => (isDrained = true));
  await until(() => {
    aheadMs += HOUR_MS;
    return isDrained && bridges.every(({ bridge }) => bridge.openState().streams === 0);
  });
  // A bridge that was asked for what a client missed may still wait for the end of that.
  await eventually(() =>
    bridges.every(({ bridge }) => {
      const { undecidedUpgrades, handovers } = bridge.openState();
      return undecidedUpgrades + handovers === 0;
    }),
  );
  expect(bridges.map(({ bridge }) => bridge.openState())).toEqual([EMPTY, EMPTY, EMPTY]);
  const connection = new Redis(redis.url);
  await eventually(async () => (await clientChannels(connection)).length === 0);
  connection.disconnect();
  await Promise.all([second, third].map(({ bridge }) => bridge.close()));
}, 240_000);
