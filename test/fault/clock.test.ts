import { randomInt } from 'node:crypto';
import { planFrom } from './plan';
import { Stage } from './stage';
import { setClock } from './stepped-date.cjs';
import { until } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const SECONDS = 1000;
const HOUR_MS = 3600 * SECONDS;
const TIMEOUT_MS = 240 * SECONDS;
/** Long enough for every client that is cut or expires meanwhile to come back, on a noisy machine. */
const BACK_WITHIN_MS = 60 * SECONDS;
const DRAIN_MS = 1500;
/** While the bridges' clocks alone are wrong nobody is admitted, and a noisy machine makes that long. */
const LINGER_MS = 120 * SECONDS;

/** Whose clocks are set, and how: the test's own is that of the tokens' issuer and of the gateway. */
const WHOSE: readonly (readonly [string, (offsetMs: number) => Promise<void>])[] = [
  [
    'every clock',
    async (offsetMs) => {
      setClock(offsetMs);
      await stage.setBridgeClocks(offsetMs);
    },
  ],
  ["the bridges' clocks alone", (offsetMs) => stage.setBridgeClocks(offsetMs)],
  [
    "the clients' clock alone",
    (offsetMs) => {
      clientClockMs = offsetMs;
      return Promise.resolve();
    },
  ],
];

let stage: Stage;
let clientClockMs = 0;

beforeAll(async () => {
  stage = await Stage.open({
    plan,
    stepped: true,
    env: {
      BRIDGE_DRAIN_MS: `${DRAIN_MS}`,
      BRIDGE_LINGER_MS: `${LINGER_MS}`,
      BRIDGE_PING_INTERVAL_MS: '3000',
      BRIDGE_CONNECTION_LEASE_MS: '2000',
      BRIDGE_SESSION_TTL_MS: '2000',
      // A noisy machine must not look like a bridge that is gone.
      BRIDGE_HANDOVER_TIMEOUT_MS: '15000',
      BRIDGE_REDIS_TIMEOUT_MS: '15000',
      BRIDGE_HANDSHAKE_TIMEOUT_MS: '20000',
    },
    times: {
      tokenLifetimeMs: 8000,
      renewBeforeMs: 2000,
      idleTimeoutMs: 3000,
      // One that is cut half-open before it is greeted waits so long for that.
      connectTimeoutMs: 8000,
      clockMs: () => clientClockMs,
    },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  setClock(0);
  await stage.close();
});

/** Sets clocks in the middle of a drain and of all that clients wait for, and sees everybody back. */
async function stepUnderTraffic(set: () => Promise<void>): Promise<number> {
  const stopping = await stage.replaceOne();
  await set();
  const begunMs = performance.now();
  // Every client that was at the bridge that stops is told to go, or was cut meanwhile.
  const isEmpty = async (): Promise<boolean> => (await stopping?.gauge('ws_bridge_connections')) === 0;
  expect(await until(isEmpty, DRAIN_MS + BACK_WITHIN_MS)).toBe(true);
  return performance.now() - begunMs;
}

describe.each(WHOSE)('%s, set under traffic', (whose, set) => {
  it.each([
    ['back', -HOUR_MS],
    ['on', HOUR_MS],
  ])(
    `an hour %s in the middle of a drain, and right again in the middle of another (SEED=${plan.seed}): everybody is back, no frame is lost`,
    async (direction, stepMs) => {
      stage.start();
      const stopCutting = stage.cutAtRandom(0.05);
      const drained = [await stepUnderTraffic(() => set(stepMs)), await stepUnderTraffic(() => set(0))];
      stopCutting();
      const rightMs = performance.now();
      const settled = await stage.settle(BACK_WITHIN_MS);
      const backMs = performance.now() - rightMs;
      await stage.report(
        `${whose} set an hour ${direction}: drained in ${drained.map(Math.round).join(' and ')} ms, settled in ${Math.round(backMs)} ms`,
        true,
      );
      expect({ settled, ...stage.score() }).toMatchObject({
        settled: true,
        coveredLosses: 0,
        silentLosses: 0,
        duplicates: 0,
        outOfOrder: 0,
        foreign: 0,
        damaged: 0,
      });
      expect(await stage.commands()).toMatchObject({ lost: 0, twice: 0 });
      await stage.endLingering();
    },
    TIMEOUT_MS,
  );
});

it(
  'after that the bridges end well, and nothing is left of them in Redis',
  async () => {
    await stage.leave();
    const exits = await stage.stopBridges('SIGINT');
    expect(exits).toEqual(exits.map(() => 0));
    expect(await stage.clientChannels()).toEqual([]);
    expect(await stage.redisClients()).toEqual([]);
  },
  TIMEOUT_MS,
);
