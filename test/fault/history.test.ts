import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendTo } from '../fakes/append-and-publish';
import { makeOwnFolder } from '../fakes/own-folder';
import { planFrom } from './plan';
import type { Seat } from './seat';
import { Stage } from './stage';
import { wait } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const isLong = plan.seconds >= 30;
const SECONDS = 1000;
const STREAM = 'ai:stream:';
const HISTORY = 'ai:history:';

/** Answers, each of a session of its own, whose frames a service appends to a history. */
function routesFile(): string {
  const route = {
    name: 'answers',
    path: '/ws/answers',
    channels: [`${STREAM}{session}`],
    history: { key: `${HISTORY}{session}` },
    messages: 'refuse',
    session: true,
  };
  const file = join(makeOwnFolder('routes-').path, 'routes.json');
  writeFileSync(file, JSON.stringify({ routes: [route] }));
  return file;
}

function seats(): readonly Seat[] {
  return Array.from({ length: plan.clients }, (_, index) => {
    const session = `s${index}`;
    return {
      tenant: `t${index % plan.tenants}`,
      user: `u${index}`,
      path: `/ws/answers?session=${session}`,
      channels: [`${STREAM}${session}`],
      opaqueToken: index % 3 === 0,
    };
  });
}

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
});

it(
  `bridges are killed and subscribers dropped under ${plan.clients} clients of histories (SEED=${plan.seed}): no frame is lost, and no gap is told`,
  async () => {
    stage = await Stage.open({
      plan,
      env: {
        BRIDGE_ROUTES_FILE: routesFile(),
        BRIDGE_DRAIN_MS: '1000',
        BRIDGE_LINGER_MS: '2000',
        BRIDGE_PING_INTERVAL_MS: isLong ? '5000' : '2000',
        // A noisy machine must not look like a Redis that is away.
        BRIDGE_REDIS_TIMEOUT_MS: '15000',
        BRIDGE_HANDOVER_TIMEOUT_MS: '15000',
        BRIDGE_HANDSHAKE_TIMEOUT_MS: '20000',
      },
      times: {
        tokenLifetimeMs: plan.seconds * 1000,
        renewBeforeMs: plan.seconds * 250,
        // So many clients that take a silent bridge for gone keep a noisy machine busy with coming back.
        idleTimeoutMs: isLong ? 15_000 : 2500,
      },
      seats: seats(),
      publishing: (redis) => {
        const append = appendTo(redis);
        return (channel, frame) => append(channel.replace(STREAM, HISTORY), channel, frame);
      },
    });
    stage.start();
    const stopCutting = stage.cutAtRandom(isLong ? 0.01 : 0.05);
    const endMs = Date.now() + plan.seconds * SECONDS;
    const faults = [() => stage?.killOne(), () => stage?.dropSubscribers(), () => stage?.killOne()];
    for (let round = 0; round < faults.length || Date.now() < endMs; round += 1) {
      await wait(plan.seconds * 150);
      await faults[round % faults.length]?.();
    }
    stopCutting();
    const settled = await stage.settle(isLong ? 120_000 : 60_000);
    await stage.report('kill -9 with histories', true);
    expect({ settled, gaps: stage.tally.gaps, ...stage.score() }).toMatchObject({
      settled: true,
      gaps: {},
      coveredLosses: 0,
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
  },
  (plan.seconds + 240) * SECONDS,
);
