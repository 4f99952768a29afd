import { randomInt } from 'node:crypto';
import { planFrom } from './plan';
import { lingerOf } from './settings-linger';
import { Stage } from './stage';
import { wait } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const isLong = plan.seconds >= 30;
const SECONDS = 1000;
const TIMEOUT_MS = (plan.seconds + 240) * SECONDS;
const FLAWLESS = {
  settled: true,
  coveredLosses: 0,
  silentLosses: 0,
  duplicates: 0,
  outOfOrder: 0,
  foreign: 0,
  damaged: 0,
};

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({
    plan,
    env: {
      BRIDGE_DRAIN_MS: isLong ? '10000' : '1000',
      // A client whose connection is cut half-open before it is greeted waits 30 s for it, in a short run 8 s.
      ...lingerOf(isLong ? 60_000 : 25_000),
      BRIDGE_PING_INTERVAL_MS: isLong ? '10000' : '1500',
      // A noisy machine must not look like a bridge that is gone.
      BRIDGE_HANDOVER_TIMEOUT_MS: '15000',
      BRIDGE_REDIS_TIMEOUT_MS: '15000',
      BRIDGE_HANDSHAKE_TIMEOUT_MS: '20000',
    },
    times: isLong
      ? { tokenLifetimeMs: 40_000, renewBeforeMs: 8000, idleTimeoutMs: 10_000 }
      : { tokenLifetimeMs: 4000, renewBeforeMs: 1000, idleTimeoutMs: 1500, connectTimeoutMs: 8000 },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await stage.close();
});

/** Restarts one bridge after the other, both at least. */
async function restartInTurn(): Promise<void> {
  const endMs = Date.now() + plan.seconds * SECONDS;
  const pauseMs = plan.seconds * 200;
  for (let count = 0; count < 2 || Date.now() + pauseMs < endMs; count += 1) {
    await wait(pauseMs);
    await stage.replaceOne();
  }
  await wait(endMs - Date.now());
}

it(
  `a rolling restart of two bridges under ${plan.clients} clients (SEED=${plan.seed}): no frame is lost, none comes twice`,
  async () => {
    stage.start();
    await restartInTurn();
    const settled = await stage.settle(120 * SECONDS);
    await stage.report('rolling restart', true);
    expect({ settled, ...stage.score() }).toMatchObject(FLAWLESS);
    expect(await stage.commands()).toMatchObject({ refused: {}, lost: 0, twice: 0 });
  },
  TIMEOUT_MS,
);

it(
  `after that connections are cut in every way, tokens expire and bridges restart under ${plan.clients} clients (SEED=${plan.seed}): every frame once and in order`,
  async () => {
    stage.start();
    const stopCutting = stage.cutAtRandom(0.05);
    await restartInTurn();
    stopCutting();
    const settled = await stage.settle(120 * SECONDS);
    await stage.report('random disconnects and rolling restart', true);
    expect({ settled, ...stage.score() }).toMatchObject(FLAWLESS);
    expect(await stage.commands()).toMatchObject({ refused: {}, lost: 0, twice: 0 });
  },
  TIMEOUT_MS,
);

it(
  'after that nothing is left of them in the bridges or in Redis, and the bridges end well',
  async () => {
    await stage.leave();
    await stage.untilEmpty();
    expect(await stage.clientChannels()).toEqual([]);
    const exits = await stage.stopBridges(isLong ? 'SIGTERM' : 'SIGINT');
    expect(exits).toEqual(exits.map(() => 0));
    expect(await stage.clientChannels()).toEqual([]);
    expect(await stage.redisClients()).toEqual([]);
  },
  TIMEOUT_MS,
);
