// Run by npm run soak, and by no other.
import { randomInt } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { planFrom } from '../plan';
import { wait } from '../until';
import { BREAKAGES } from './breakages';
import { SoakStage } from './soak-stage';
import { keysWithoutTtl, Watch } from './watch';

const plan = planFrom({ CLIENTS: '40', TENANTS: '4', RATE: '3', ...process.env }, () =>
  randomInt(1, 1_000_000_000),
);
const SECONDS = 1000;
const runMs = plan.seconds * SECONDS;
const MAX_SAMPLES = 700;
const SAMPLE_EVERY_MS = Math.max(2 * SECONDS, runMs / MAX_SAMPLES);
/** Between two things that are broken: a run has each three times at least, where there is time. */
const PAUSE_MS = Math.min(15 * SECONDS, runMs / BREAKAGES.length / 3);
/** Between two collections of all garbage. */
const COLLECT_EVERY_MS = runMs / 24;
const CUT_SHARE_PER_SECOND = 0.01;
/** After whatever was broken everybody hears again within this, and whoever has a good token is admitted. */
const BACK_WITHIN_MS = 60 * SECONDS;
/** A shorter run has not filled its caches and its heap yet, and tells nothing of a slope. */
const JUDGED_FROM_MS = 30 * 60 * SECONDS;
/** All that Redis keeps for ever: docs/redis.md, "Keys that may be evicted". */
const LASTING = ['ai:commands', '{ai:commands}:.ledger'];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

let stage: SoakStage;
beforeAll(async () => {
  stage = await SoakStage.open(plan);
}, 120 * SECONDS);
afterAll(async () => {
  await stage.close();
}, 60 * SECONDS);

it(
  `everything is broken in turn for ${plan.seconds} s under ${plan.clients} clients (SEED=${plan.seed}): all recover, nothing grows`,
  async () => {
    const watch = new Watch();
    const begunMs = performance.now();
    const nowMs = (): number => performance.now() - begunMs;
    const unsampled: string[] = [];
    const look = async (): Promise<void> => {
      await watch.ofProgram('bridge', stage.bridge.adminPort, nowMs());
      await watch.ofProgram('gatekeeper', stage.gatekeeper.adminPort, nowMs());
      await stage.onMaster((redis) => watch.ofRedis(redis, nowMs()));
    };
    const collect = async (): Promise<void> => {
      watch.ofMemory('bridge', await stage.bridge.collectGarbage(), nowMs());
      watch.ofMemory('gatekeeper', await stage.gatekeeper.collectGarbage(), nowMs());
    };
    const over = new AbortController();
    const untilOver = async (sample: () => Promise<void>, everyMs: number): Promise<void> => {
      while (!over.signal.aborted) {
        await sample().catch((cause: unknown) => unsampled.push(String(cause)));
        await setTimeout(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
      }
    };
    const sampling = Promise.all([untilOver(look, SAMPLE_EVERY_MS), untilOver(collect, COLLECT_EVERY_MS)]);

    stage.start();
    const stopCutting = stage.gateway.cutAtRandom(plan.clients * CUT_SHARE_PER_SECOND);
    const notBack: string[] = [];
    const slowest: Record<string, number> = {};
    for (let round = 0; nowMs() < runMs; round += 1) {
      const breakage = BREAKAGES[round % BREAKAGES.length];
      if (breakage === undefined) break;
      await wait(PAUSE_MS);
      await breakage.happen(stage);
      const fromMs = nowMs();
      const isBack = await stage.isWellWithin(BACK_WITHIN_MS);
      const tookMs = Math.round(nowMs() - fromMs);
      slowest[breakage.name] = Math.max(slowest[breakage.name] ?? 0, tookMs);
      if (!isBack) notBack.push(`${Math.round(fromMs / SECONDS)} s: ${breakage.name}`);
      say(
        `${Math.round(nowMs() / SECONDS)}/${plan.seconds} s: ${breakage.name}, ${isBack ? `back in ${tookMs} ms` : 'NOT BACK'}`,
      );
    }
    stopCutting();
    over.abort();
    await sampling;
    const settled = await stage.settle(BACK_WITHIN_MS);
    const { tally, gateway, publisher, visitors, admissions } = stage;
    const counts = {
      ...{
        plan,
        slowest,
        notBack,
        unsampled: unsampled.length,
        cuts: gateway.cuts,
        published: publisher.total,
      },
      ...{ visitors: visitors.count, gaps: tally.gaps, closes: tally.closes, greetings: tally.greetings },
      ...{ admissions: admissions.answers, frames: stage.score() },
    };
    for (const [name, value] of Object.entries(counts)) say(`${name}: ${JSON.stringify(value)}`);
    for (const { seat, notes } of stage.listeners.filter(({ isFaulty }) => isFaulty).slice(0, 3))
      say([JSON.stringify(seat), ...notes.slice(-60)].join('\n'));
    say(watch.table());

    const lasting = await stage.onMaster(keysWithoutTtl);
    say(`keys without TTL: ${lasting.join(' ')}`);
    const growing = [...watch.trends()].filter(([, { isFlat }]) => !isFlat).map(([name]) => name);
    expect({ settled, notBack, ...stage.score() }).toMatchObject({
      ...{ settled: true, notBack: [], silentLosses: 0, foreign: 0, damaged: 0, duplicates: 0 },
    });
    expect(admissions.revokedAdmitted).toBe(0);
    expect(lasting.filter((key) => !LASTING.includes(key))).toEqual([]);
    expect(runMs < JUDGED_FROM_MS ? [] : growing).toEqual([]);
    expect(await stage.leave()).toEqual([0, 0, 0, 0]);
    const exits = await stage.stopBridges();
    expect(exits).toEqual(exits.map(() => 0));
  },
  runMs + 600 * SECONDS,
);
