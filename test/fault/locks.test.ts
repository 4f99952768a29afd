import { randomInt } from 'node:crypto';
import { DEFAULT_ROUTES } from '../../sidecar/routes/route';
import { LockAccount } from './lock-account';
import { Locker } from './locker';
import { planFrom } from './plan';
import { randomFrom } from './random';
import type { Seat } from './seat';
import { lingerOf } from './settings-linger';
import { Stage } from './stage';
import { until, wait } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const SECONDS = 1000;
const MAX_REDIS_AWAY_MS = 500;
/** Also the longest for which a page may hold on to what is another's: a bridge gives a lock up before Redis does. */
const LEASE_MS = 3000;
const PATH = '/ws/collaboration/plan';
/** Fewer than there are pages at a document. */
const NAMES = ['B7', 'C2'];
const PAGES = 3;
const TIMES = {
  tokenLifetimeMs: plan.seconds * 1000,
  renewBeforeMs: plan.seconds * 250,
  idleTimeoutMs: 2500,
  connectTimeoutMs: 8000,
};

/** One that hears what is published at each tenant's document, half of them as an event stream. */
const seats: readonly Seat[] = Array.from({ length: plan.tenants }, (_, index) => ({
  ...{ tenant: `t${index}`, user: 'reader', path: PATH, opaqueToken: false, overHttp: index % 2 === 1 },
  channels: [`t${index}:collaboration:plan`],
}));

let stage: Stage | undefined;
let lockers: Locker[];
afterEach(async () => {
  for (const locker of lockers) locker.leave();
  await stage?.close();
});

it.each([
  // A Redis that lost its data knows of no lock: a holder hears of that at its next renewal.
  { what: 'bridges are killed and restarted, and Redis too', losesData: true, mostOverlapMs: LEASE_MS },
  { what: 'bridges are killed and restarted', losesData: false, mostOverlapMs: 0 },
])(
  `$what, under ${plan.tenants * PAGES} pages that lock (SEED=${plan.seed}): no two hold one name for longer than $mostOverlapMs ms, and tokens grow`,
  async ({ losesData, mostOverlapMs }) => {
    const withLocks = DEFAULT_ROUTES.map((route) =>
      route.name === 'collaboration' ? { ...route, locks: true } : route,
    );
    stage = await Stage.open({
      ...{ plan, seats, times: TIMES },
      env: {
        ...lingerOf(2000, withLocks),
        BRIDGE_DRAIN_MS: '1000',
        BRIDGE_PING_INTERVAL_MS: '1000',
        BRIDGE_LOCK_LEASE_MS: `${LEASE_MS}`,
        BRIDGE_LOCK_LINGER_MS: '1000',
      },
    });
    const { random, gateway } = stage;
    // Pages ask when they come to it: what is broken and when stays the seed's.
    const pagesRandom = randomFrom(plan.seed + 1);
    const account = new LockAccount(() => performance.now());
    lockers = seats.flatMap(({ tenant }) =>
      Array.from({ length: PAGES }, (_, index) => {
        const page = `${tenant}-p${index}`;
        return new Locker({
          ...{ tenant, page, path: PATH, url: gateway.url, names: NAMES },
          ...{ account, random: pagesRandom, times: TIMES },
        });
      }),
    );
    stage.start();
    for (const locker of lockers) void locker.start();
    const stopCutting = stage.cutAtRandom(0.05);
    const endMs = Date.now() + plan.seconds * SECONDS;
    const faults = [
      () => stage?.killOne(),
      () => stage?.replaceOne(),
      () => stage?.dropSubscribers(),
      ...(losesData ? [() => stage?.restartRedis(random.next() * MAX_REDIS_AWAY_MS)] : []),
    ];
    for (let round = 0; round < faults.length || Date.now() < endMs; round += 1) {
      await wait(plan.seconds * 150);
      await faults[round % faults.length]?.();
    }
    stopCutting();
    const settled = await stage.settle(60_000);
    // A name that stayed locked would starve its document.
    const before = new Map(lockers.map((locker) => [locker, locker.granted]));
    const live = await until(
      () => lockers.every((locker) => locker.granted > (before.get(locker) ?? 0)),
      60_000,
    );
    const score = account.score();
    await stage.report(`locks: ${losesData ? 'and Redis loses its data' : 'Redis keeps its data'}`, false);
    process.stdout.write(`  locks: ${JSON.stringify(score)}\n`);
    expect({ settled, ...stage.score() }).toMatchObject({
      ...{ settled: true, silentLosses: 0, foreign: 0, damaged: 0, outOfOrder: 0, duplicates: 0 },
    });
    expect(live).toBe(true);
    expect(score.granted).toBeGreaterThan(lockers.length);
    expect(score.staleTokens).toBe(0);
    expect(score.longestOverlapMs).toBeLessThanOrEqual(mostOverlapMs);
    for (const locker of lockers) locker.leave();
    await stage.leave();
    await stage.untilEmpty();
    expect(await stage.clientChannels()).toEqual([]);
  },
  (plan.seconds + 240) * SECONDS,
);
