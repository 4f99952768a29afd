import { randomInt } from 'node:crypto';
import { planFrom } from './plan';
import { lingerOf } from './settings-linger';
import { Stage } from './stage';
import { wait } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const SECONDS = 1000;
const MAX_REDIS_AWAY_MS = 500;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
});

it(
  `bridges are killed and Redis restarts under ${plan.clients} clients (SEED=${plan.seed}): no frame is lost silently`,
  async () => {
    stage = await Stage.open({
      plan,
      env: {
        BRIDGE_DRAIN_MS: '1000',
        ...lingerOf(2000),
        BRIDGE_PING_INTERVAL_MS: '2000',
        BRIDGE_LOG_LEVEL: 'info',
      },
      times: { tokenLifetimeMs: plan.seconds * 1000, renewBeforeMs: plan.seconds * 250, idleTimeoutMs: 2500 },
    });
    stage.start();
    const stopCutting = stage.cutAtRandom(0.05);
    const endMs = Date.now() + plan.seconds * SECONDS;
    const { random } = stage;
    const faults = [
      () => stage?.killOne(),
      () => stage?.dropSubscribers(),
      () => stage?.restartRedis(random.next() * MAX_REDIS_AWAY_MS),
    ];
    for (let round = 0; round < faults.length || Date.now() < endMs; round += 1) {
      await wait(plan.seconds * 150);
      await faults[round % faults.length]?.();
    }
    stopCutting();
    const settled = await stage.settle(60_000);
    await stage.report('kill -9 and Redis restarts', false);
    expect({ settled, ...stage.score() }).toMatchObject({
      settled: true,
      silentLosses: 0,
      foreign: 0,
      damaged: 0,
      outOfOrder: 0,
      duplicates: 0,
    });
    await stage.leave();
    await stage.untilEmpty();
    expect(await stage.clientChannels()).toEqual([]);
    expect(await stage.stopBridges('SIGTERM')).toEqual([0, 0]);
    expect(await stage.redisClients()).toEqual([]);
  },
  (plan.seconds + 240) * SECONDS,
);
