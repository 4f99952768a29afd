import { randomInt } from 'node:crypto';
import { planFrom } from './plan';
import { lingerOf } from './settings-linger';
import { Stage } from './stage';
import { wait } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const SECONDS = 1000;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
});

it(
  `workers of bridges are killed and bridges restart under ${plan.clients} clients (SEED=${plan.seed}): no frame is lost silently or comes twice, no assertion counts twice`,
  async () => {
    stage = await Stage.open({
      plan,
      env: {
        BRIDGE_WORKERS: '2',
        BRIDGE_DRAIN_MS: '1000',
        ...lingerOf(2000),
        BRIDGE_PING_INTERVAL_MS: '2000',
        // A noisy machine must not look like a primary that is gone.
        BRIDGE_HANDSHAKE_TIMEOUT_MS: '20000',
        BRIDGE_REDIS_TIMEOUT_MS: '15000',
      },
      times: { tokenLifetimeMs: plan.seconds * 1000, renewBeforeMs: plan.seconds * 250, idleTimeoutMs: 2500 },
    });
    const { gateway } = stage;
    stage.start();
    const stopCutting = stage.cutAtRandom(0.05);
    const endMs = Date.now() + plan.seconds * SECONDS;
    const faults = [
      () => stage?.killWorker(),
      () => stage?.killWorker(),
      () => gateway.replay(),
      () => stage?.replaceOne(),
    ];
    for (let round = 0; round < faults.length || Date.now() < endMs; round += 1) {
      await wait(plan.seconds * 100);
      await faults[round % faults.length]?.();
    }
    await gateway.replay();
    stopCutting();
    const settled = await stage.settle(60_000);
    await stage.report('workers killed with SIGKILL, and rolling restart', false);
    expect({ settled, ...stage.score() }).toMatchObject({
      settled: true,
      silentLosses: 0,
      foreign: 0,
      damaged: 0,
      outOfOrder: 0,
      duplicates: 0,
    });
    expect(gateway.replays).toMatchObject({ acceptedAgain: 0 });
    expect(gateway.replays.refused).toBeGreaterThan(0);
    await stage.leave();
    await stage.untilEmpty();
    expect(await stage.clientChannels()).toEqual([]);
    const exits = await stage.stopBridges('SIGTERM');
    expect(exits).toEqual(exits.map(() => 0));
    expect(await stage.redisClients()).toEqual([]);
  },
  (plan.seconds + 240) * SECONDS,
);
