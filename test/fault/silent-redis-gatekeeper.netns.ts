// Runs in a network namespace of its own: silent-redis.test.ts.
import { Redis } from 'ioredis';
import { startRedisCluster } from '../fakes/redis-cluster';
import { startSentinels } from '../fakes/redis-sentinel';
import { startRedis } from '../fakes/redis-server';
import { rawConfig } from '../plugin/fixture';
import { GatekeeperProcess } from './gatekeeper-process';
import {
  connectionsOf,
  isAmong,
  letAllThrough,
  refuseSilently,
  silence,
  type OpenConnection,
} from './packets';
import { until } from './until';
import { Upgrades } from './upgrades';

const SECONDS = 1000;
const TIMEOUT_MS = 120 * SECONDS;
const TENANTS = 12;
/** redis.timeout and decision_timeout, their defaults. */
const REDIS_TIMEOUT_MS = 500;
const DECISION_TIMEOUT_MS = 3 * SECONDS;
/**
 * A question is unanswered for redis.timeout, a quiet connection is asked after 2 seconds; a new one is tried every second at
 * least, for 2 seconds each. The rest is for a noisy machine.
 */
const BACK_WITHIN_MS = 30 * SECONDS;
const NOISE_MS = 10 * SECONDS;
const SILENT = / it did not answer for \d+ ms$/;

/** The needs of an endurance run of a Redis, of whatever kind. */
interface Topology {
  readonly url: string;
  /** The ports of every server and sentinel. */
  readonly ports: readonly number[];
  readonly revoke: (jti: string) => Promise<unknown>;
  readonly stop: () => Promise<void>;
}

const keyOf = (jti: string): string => `blacklist:${jti}`;

async function single(): Promise<Topology> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  return {
    url: redis.url,
    ports: [redis.port],
    revoke: (jti) => client.set(keyOf(jti), '1'),
    async stop() {
      client.disconnect();
      await redis.stop();
    },
  };
}

async function behindSentinels(): Promise<Topology> {
  const redis = await startSentinels({ isSteady: true });
  return {
    url: redis.url,
    ports: [
      ...redis.servers.map(({ port }) => port),
      ...redis.sentinels.map(({ options }) => options.port ?? 0),
    ],
    revoke: (jti) => redis.client.set(keyOf(jti), '1'),
    stop: () => redis.stop(),
  };
}

async function cluster(): Promise<Topology> {
  const redis = await startRedisCluster({ isSteady: true });
  return {
    url: redis.url,
    ports: redis.nodes.map(({ port }) => port),
    revoke: (jti) => redis.client.set(keyOf(jti), '1'),
    stop: () => redis.stop(),
  };
}

describe.each<[string, () => Promise<Topology>, number]>([
  ['to one Redis', single, 1],
  ['behind sentinels', behindSentinels, 1],
  ['to a cluster', cluster, 3],
])("the gatekeeper's connections %s", (title, start, masters) => {
  let redis: Topology;
  let gatekeeper: GatekeeperProcess;
  let upgrades: Upgrades;
  beforeAll(async () => {
    redis = await start();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    gatekeeper = await GatekeeperProcess.start();
    const kong = gatekeeper.worker({
      rate_limits: [{ by: 'tenant', limit: 100_000, window_size: 60, burst: 0, paths: [], tiers: {} }],
      // Without Redis's word on a token nothing is known: nobody is admitted then.
      revocation: { enabled: true, key_prefix: keyOf(''), fault_tolerant: false },
      redis: { ...(rawConfig()['redis'] as object), url: redis.url, timeout: REDIS_TIMEOUT_MS },
      decision_timeout: DECISION_TIMEOUT_MS,
    });
    upgrades = await Upgrades.of(kong, TENANTS, redis.revoke);
    upgrades.start();
    await soon('admitted', () => upgrades.areAdmittedSince(0));
  }, TIMEOUT_MS);
  afterEach(async () => {
    letAllThrough();
    await upgrades.stop();
    await gatekeeper.stop();
  });

  /** Whether none is left of the connections that were open at first. */
  function areGone(connections: readonly OpenConnection[]): boolean {
    const open = connectionsOf(gatekeeper.pid, redis.ports);
    return !connections.some((connection) => isAmong(open, connection));
  }

  /** The log's lines about connections since so many lines, as text. */
  function lines(since: number): readonly string[] {
    const told = ['redis connection lost', 'redis connection error'].flatMap((msg) =>
      gatekeeper.told(msg, since),
    );
    return told.map(({ msg, node, reason }) =>
      [msg, node, reason].filter((part) => typeof part === 'string').join(' '),
    );
  }

  /** One line for each connection that was lost: in a cluster those to replicas are some of them. */
  function expectOnceEach(told: readonly string[]): void {
    expect(told).toEqual(told.map(() => expect.stringMatching(SILENT) as string));
    expect(new Set(told).size).toBe(told.length);
    expect(told.length).toBeGreaterThanOrEqual(masters);
  }

  function tell(what: string, since: number): void {
    const slowest = `slowest answer ${Math.round(upgrades.slowestMs)} ms`;
    const told = lines(since).join('; ');
    process.stdout.write(`${title}, ${what}, ${slowest}, ${JSON.stringify(upgrades.answers)}\n  ${told}\n`);
  }

  it(
    'go silent under traffic: upgrades are admitted again within seconds, no revoked token ever, and the log says why, once each',
    async () => {
      const since = gatekeeper.warnings.length;
      const connections = connectionsOf(gatekeeper.pid, redis.ports);
      silence(connections);
      const backMs = await soon('admitted again', (fromMs) => upgrades.areAdmittedSince(fromMs));
      await soon('given up', () => areGone(connections));
      await upgrades.stop();
      tell(`${connections.length} silent under traffic: admitted again after ${backMs} ms`, since);
      expectOnceEach(lines(since));
      expect(upgrades.revokedAdmitted).toBe(0);
      expect(Object.keys(upgrades.answers).sort()).toEqual(['401', '503', 'admitted']);
      expect(upgrades.slowestMs).toBeLessThan(DECISION_TIMEOUT_MS + NOISE_MS);
    },
    TIMEOUT_MS,
  );

  it(
    'go silent while nobody asks: they are opened anew before anybody does',
    async () => {
      await upgrades.stop();
      const since = gatekeeper.warnings.length;
      const connections = connectionsOf(gatekeeper.pid, redis.ports);
      silence(connections);
      const goneMs = await soon('given up', () => areGone(connections));
      const areAll = async (): Promise<boolean> =>
        (await upgrades.once()).every((answer) => answer === 'admitted');
      const backMs = await soon('admitted again', areAll);
      tell(
        `${connections.length} silent unasked: given up after ${goneMs} ms, all admitted ${backMs} ms after`,
        since,
      );
      expectOnceEach(lines(since));
    },
    TIMEOUT_MS,
  );

  it(
    'go silent and new ones get nowhere for a while: each upgrade is refused in time, and then admitted again',
    async () => {
      const since = gatekeeper.warnings.length;
      const connections = connectionsOf(gatekeeper.pid, redis.ports);
      const letIn = refuseSilently(redis.ports);
      silence(connections);
      const refused = upgrades.answers['503'] ?? 0;
      await soon('given up', () => areGone(connections));
      await soon('refused', () => (upgrades.answers['503'] ?? 0) > refused + 10 * TENANTS);
      letIn();
      const backMs = await soon('admitted again', (fromMs) => upgrades.areAdmittedSince(fromMs));
      await upgrades.stop();
      tell(`${connections.length} silent, nowhere to go: admitted again after ${backMs} ms`, since);
      expect(new Set(lines(since)).size).toBe(lines(since).length);
      expect(upgrades.revokedAdmitted).toBe(0);
      expect(Object.keys(upgrades.answers).sort()).toEqual(['401', '503', 'admitted']);
      expect(upgrades.slowestMs).toBeLessThan(DECISION_TIMEOUT_MS + NOISE_MS);
    },
    TIMEOUT_MS,
  );
});

/** In how many milliseconds it comes true; it is told when that begins. @throws Error when that takes too long */
async function soon(what: string, holds: (fromMs: number) => boolean | Promise<boolean>): Promise<number> {
  const fromMs = performance.now();
  if (!(await until(() => holds(fromMs), BACK_WITHIN_MS)))
    throw new Error(`${what}: not within ${BACK_WITHIN_MS} ms`);
  return Math.round(performance.now() - fromMs);
}
