// Runs in a network namespace of its own: silent-redis.test.ts.
import { randomInt } from 'node:crypto';
import type { Cluster } from 'ioredis';
import { Redis } from 'ioredis';
import { startRedisCluster } from '../fakes/redis-cluster';
import { startSentinels } from '../fakes/redis-sentinel';
import type { BridgeProcess } from './bridge-process';
import {
  connectionsOf,
  isAmong,
  letAllThrough,
  refuseSilently,
  silence,
  type OpenConnection,
} from './packets';
import { planFrom } from './plan';
import { SmallStage } from './small-stage';
import { Stage } from './stage';
import { until } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const SECONDS = 1000;
const TIMEOUT_MS = 240 * SECONDS;
/** BRIDGE_REDIS_TIMEOUT_MS, twice its default: a Redis that stood still for a second is not silent. */
const REDIS_TIMEOUT_MS = 2 * SECONDS;
/**
 * docs/redis.md: a quiet connection is asked after two timeouts and given up another one later; after that a connection is tried
 * every 2 seconds at least, for a timeout each. The rest is for a noisy machine.
 */
const GIVEN_UP_WITHIN_MS = 30 * SECONDS;
const BACK_WITHIN_MS = 30 * SECONDS;
const SETTLED_WITHIN_MS = 60 * SECONDS;
const UNHARMED = { settled: true, silentLosses: 0, duplicates: 0, outOfOrder: 0, foreign: 0, damaged: 0 };
const ENV = {
  BRIDGE_REDIS_TIMEOUT_MS: `${REDIS_TIMEOUT_MS}`,
  // A probe of delivery that is not heard in time has a silent subscriber given up as well, now and then sooner and in other words.
  BRIDGE_PROBE_TIMEOUT_MS: '60000',
  // With workers a bridge's own process has no connections to look for.
  BRIDGE_WORKERS: '1',
};
const TIMES = { tokenLifetimeMs: 60_000, renewBeforeMs: 5000, idleTimeoutMs: 3000, connectTimeoutMs: 8000 };
const LOST = 'redis connection lost';
/** A bridge's connections to one Redis. */
const CONNECTIONS = ['commands', 'publisher', 'relays', 'subscriber'];
const SILENT = /^it did not answer for \d+ ms$/;

afterEach(letAllThrough);

/** The names of the connections that a bridge gave up because they were silent, since `from`, in alphabetical order. */
function givenUp(bridge: BridgeProcess, from: number): readonly string[] {
  return bridge.warnings
    .slice(from)
    .filter(({ msg, reason }) => msg === LOST && SILENT.test(String(reason)))
    .map(({ connection }) => String(connection))
    .sort();
}

/** In how many milliseconds it comes true. @throws when it takes longer than `ms` */
async function soon(what: string, ms: number, holds: () => boolean | Promise<boolean>): Promise<number> {
  const begunMs = performance.now();
  if (!(await until(holds, ms))) throw new Error(`${what}: not within ${ms} ms`);
  return Math.round(performance.now() - begunMs);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

describe('one Redis, two bridges', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open({ plan, env: ENV, times: TIMES });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await stage.close();
  });

  const connectionsOfAll = (): readonly OpenConnection[] =>
    stage.bridges.flatMap(({ pid }) => connectionsOf(pid, [stage.redis.port]));

  async function settled(title: string): Promise<void> {
    const isSettled = await stage.settle(SETTLED_WITHIN_MS);
    await stage.report(title, false);
    expect({ settled: isSettled, ...stage.score() }).toMatchObject(UNHARMED);
    expect(Object.keys(stage.tally.gaps)).toEqual(['redis']);
    expect(await stage.commands()).toMatchObject({ lost: 0, twice: 0 });
  }

  it(
    `every connection goes silent and new ones get nowhere for a while: readyz tells, one line each, back within seconds (SEED=${plan.seed})`,
    async () => {
      stage.start();
      const heard = stage.publisher.counts();
      await until(() => stage.listeners.every(({ ledger }) => ledger.hasReached(heard)));
      const connections = connectionsOfAll();
      expect(connections).toHaveLength(CONNECTIONS.length * stage.bridges.length);
      const from = stage.bridges.map(({ warnings }) => warnings.length);
      const letIn = refuseSilently([stage.redis.port]);
      silence(connections);
      const toldMs = await soon('readyz tells', GIVEN_UP_WITHIN_MS, async () =>
        (await Promise.all(stage.bridges.map((bridge) => bridge.isReady()))).every((ready) => !ready),
      );
      const lostMs = await soon('all are given up', GIVEN_UP_WITHIN_MS, () =>
        stage.bridges.every(
          (bridge, index) => givenUp(bridge, from[index] ?? 0).length >= CONNECTIONS.length,
        ),
      );
      letIn();
      const backMs = await soon('ready again', BACK_WITHIN_MS, async () =>
        (await Promise.all(stage.bridges.map((bridge) => bridge.isReady()))).every((ready) => ready),
      );
      await settled(
        `all silent: readyz told after ${toldMs} ms, given up after ${toldMs + lostMs} ms, ready ${backMs} ms after`,
      );
      for (const [index, bridge] of stage.bridges.entries())
        expect(givenUp(bridge, from[index] ?? 0)).toEqual(CONNECTIONS);
      expect(stage.score().coveredLosses).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it.each(['commands', 'subscriber'])(
    'the %s connection alone goes silent and new ones get through: it is opened anew within seconds',
    async (name) => {
      stage.start();
      const [bridge] = stage.bridges;
      if (bridge === undefined) throw new Error('no bridge');
      const from = bridge.warnings.length;
      const named = await connectionsNamed(stage.redis.url, `ws-bridge:${name}`);
      const own = connectionsOf(bridge.pid, [stage.redis.port]).filter(({ local }) => named.has(local));
      expect(own).toHaveLength(1);
      silence(own);
      const lostMs = await soon('given up', GIVEN_UP_WITHIN_MS, () => givenUp(bridge, from).length > 0);
      const isAnother = (): boolean =>
        connectionsOf(bridge.pid, [stage.redis.port]).length === CONNECTIONS.length;
      const backMs = await soon('ready again', BACK_WITHIN_MS, async () => isAnother() && bridge.isReady());
      await settled(`${name} silent: given up after ${lostMs} ms, ready ${backMs} ms after`);
      expect(givenUp(bridge, from)).toEqual([name]);
    },
    TIMEOUT_MS,
  );
});

/** The client's ports of the connections that name themselves so. */
async function connectionsNamed(url: string, name: string): Promise<ReadonlySet<number>> {
  const redis = new Redis(url);
  const list = (await redis.client('LIST')) as string;
  redis.disconnect();
  const lines = list.split('\n').filter((line) => line.includes(` name=${name} `));
  return new Set(lines.map((line) => Number(/ addr=\S+:(\d+) /.exec(line)?.[1])));
}

describe('behind sentinels', () => {
  it(
    'connections to the master and to the sentinels go silent: opened anew, no frame is lost silently',
    async () => {
      const redis = await startSentinels({ isSteady: true });
      const ports = [
        ...redis.servers,
        ...redis.sentinels.map(({ options }) => ({ port: options.port ?? 0 })),
      ].map(({ port }) => port);
      const publishing = new Redis((await redis.master()).url);
      try {
        await endures('sentinel', redis.url, ports, publishing);
      } finally {
        publishing.disconnect();
        await redis.stop();
      }
    },
    TIMEOUT_MS,
  );
});

describe('on a cluster', () => {
  it(
    'connections to every node go silent: opened anew, no frame is lost silently',
    async () => {
      const redis = await startRedisCluster({ isSteady: true });
      try {
        await endures(
          'cluster',
          redis.url,
          redis.nodes.map(({ port }) => port),
          redis.client,
        );
      } finally {
        await redis.stop();
      }
    },
    TIMEOUT_MS,
  );
});

/** One bridge, whose connections all go silent under traffic, while new ones get through. */
async function endures(
  title: string,
  url: string,
  ports: readonly number[],
  publishing: Redis | Cluster,
): Promise<void> {
  const stage = await SmallStage.open({ url, publishing, plan, env: ENV, times: TIMES });
  try {
    const { bridge } = stage;
    stage.publisher.start();
    await stage.untilAllHear();
    const connections = connectionsOf(bridge.pid, ports);
    const from = bridge.warnings.length;
    silence(connections);
    const isLeft = (): boolean => {
      const open = connectionsOf(bridge.pid, ports);
      return connections.some((connection) => isAmong(open, connection));
    };
    const lostMs = await soon('given up', GIVEN_UP_WITHIN_MS, () => !isLeft());
    const backMs = await soon('ready again', BACK_WITHIN_MS, () => bridge.isReady());
    const settled = await stage.settle(SETTLED_WITHIN_MS);
    say(
      `${title}: ${connections.length} connections silent, all given up after ${lostMs} ms, ready ${backMs} ms after; ` +
        `${givenUp(bridge, from).join(', ')}\n  gaps ${JSON.stringify(stage.tally.gaps)} frames ${JSON.stringify(stage.score())}`,
    );
    expect({ settled, ...stage.score() }).toMatchObject(UNHARMED);
    expect(givenUp(bridge, from)).toEqual(expect.arrayContaining([expect.stringMatching(/^commands/)]));
    expect(givenUp(bridge, from)).toEqual(expect.arrayContaining([expect.stringMatching(/^subscriber/)]));
    // One line for each connection.
    expect(new Set(givenUp(bridge, from)).size).toBe(givenUp(bridge, from).length);
  } finally {
    await stage.close();
  }
}
