import { once } from 'node:events';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { SUBPROTOCOL, type ReadyFrame } from '../protocol/frames';
import { createBridge, type Bridge } from '../sidecar/bridge';
import { parseSettings } from '../sidecar/settings/settings';
import { withBackstage } from './backstage';
import type { LoadCalls } from './load/calls';
import { thisMachine } from './machine';
import type { Figures } from './median';
import { benchCommand, count, type BenchOptions } from './options';
import { ASSERTION_SECRET, assertedHeaders } from './peers/ws-bridge';
import { privateRedis } from './private-redis';
import { brief, progress, report, type Column } from './report';
import { runRounds } from './rounds';
import { clientPlans } from './stage';
import { StretchMeter } from './stretch-meter';
import { chats, dashboard, type Topic } from './topic';

const COLUMNS: readonly Column[] = [
  { figure: 'loopMs', title: 'longest, ms of the loop', digits: 1 },
  { figure: 'cpuMs', title: 'longest, CPU ms', digits: 1 },
  { figure: 'wallMs', title: 'longest, ms', digits: 1 },
  { figure: 'tookS', title: 'all of it, s', digits: 2 },
];
const CONNECT_AT_ONCE = 50;
/** Assertions live half a minute: each turn's are signed just before. */
const SOCKETS_A_TURN = 1000;
const MIB = 2 ** 20;
/** Publishes so many messages of so many bytes to each channel. */
const PUBLISH_LARGE = `for _, channel in ipairs({unpack(ARGV, 3)}) do
  for _ = 1, ARGV[1] do redis.call('PUBLISH', channel, string.rep('x', ARGV[2])) end
end`;
const PUBLISH_REVOCATIONS = `for number = 1, ARGV[1] do
  redis.call('PUBLISH', 'ws:control', '{"type":"revoke","jti":"other' .. number .. '"}')
end`;
/** A stretch that is not over by then is not waited for. */
const MOST_MS = 60_000;

/** A case: something that happens to a bridge while its loop is watched. */
interface Case {
  readonly name: string;
  readonly topics: (sockets: number) => readonly Topic[];
  /** Sockets for each thousand that are asked for. */
  readonly share?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Done before the loop is watched. */
  readonly prepare?: (scene: Scene) => Promise<string>;
  readonly act: (scene: Scene) => Promise<unknown>;
}

interface Scene {
  readonly bridge: Bridge;
  readonly port: number;
  readonly adminPort: number;
  /** The value that {@link Case.prepare} returned. */
  readonly prepared: string;
  readonly redis: Redis;
  readonly sockets: number;
  readonly topics: readonly Topic[];
  /** Opens so many more. */
  readonly open: (
    topics: readonly Topic[],
    sockets: number,
    atOnce: number,
    user?: (number: number) => number,
  ) => Promise<void>;
  /** Cuts all of them. */
  readonly leave: () => Promise<void>;
  /** Waits until clients get nothing any more. */
  readonly quiet: () => Promise<void>;
}

const one = (): readonly Topic[] => [dashboard('bench')];
/** The sessions of one tenant. */
const sessions = (sockets: number): readonly Topic[] =>
  chats(sockets).map((topic) => ({ ...topic, tenant: 'acme' }));
const gone = async ({ bridge }: Scene): Promise<void> => until(() => bridge.openState().connections === 0);

const CASES: readonly Case[] = [
  {
    name: 'a frame to all sockets',
    topics: one,
    act: async ({ redis, quiet }) => {
      await redis.publish('acme:dashboard:refresh:bench', 'x'.repeat(100));
      await quiet();
    },
  },
  {
    name: '1,000 frames at once to all sockets',
    topics: one,
    act: async ({ redis, quiet }) => {
      const batch = redis.pipeline();
      for (let index = 0; index < 1000; index += 1) batch.publish('acme:dashboard:refresh:bench', `${index}`);
      await batch.exec();
      await quiet();
    },
  },
  {
    name: 'a frame of 1 MiB to a fifth of them',
    topics: one,
    share: 200,
    act: async ({ redis, quiet }) => {
      await redis.publish('acme:dashboard:refresh:bench', 'x'.repeat(MIB));
      await quiet();
    },
  },
  {
    name: 'ten frames of 1 MiB to a fifth of them, 2 a second',
    topics: one,
    share: 200,
    act: async ({ redis, quiet }) => {
      for (let index = 0; index < 10; index += 1) {
        await redis.publish('acme:dashboard:refresh:bench', 'x'.repeat(MIB));
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      await quiet();
    },
  },
  {
    name: 'ten frames of 1 MiB at once to a fifth of them',
    topics: one,
    share: 200,
    act: async ({ redis, topics: [topic = dashboard('bench')], quiet }) => {
      // Made by Redis: ten MiB that the bench writes at once would be a stretch of their own.
      await redis.eval(PUBLISH_LARGE, 0, 10, MIB, topic.channel);
      await quiet();
    },
  },
  {
    name: '2 MiB in two frames at once to each of a hundredth of them',
    topics: sessions,
    share: 10,
    act: async ({ redis, topics, quiet }) => {
      await redis.eval(PUBLISH_LARGE, 0, 2, MIB, ...topics.map(({ channel }) => channel));
      await quiet();
    },
  },
  {
    name: '64 KiB in frames to each of a fifth of them',
    topics: sessions,
    share: 200,
    act: async ({ redis, topics, quiet }) => {
      const batch = redis.pipeline();
      for (let index = 0; index < 64; index += 1) {
        for (const { channel } of topics) batch.publish(channel, 'x'.repeat(1000));
      }
      await batch.exec();
      await quiet();
    },
  },
  {
    name: 'revocation of their tenant',
    topics: sessions,
    act: async (scene) => {
      await scene.redis.publish('ws:control', JSON.stringify({ type: 'revoke', tenant: 'acme' }));
      await gone(scene);
    },
  },
  {
    name: '2,000 revocations of tokens',
    topics: sessions,
    act: async ({ redis, quiet }) => {
      // Made by Redis, as the large ones: two thousand commands of the bench's would be a stretch of their own.
      await redis.eval(PUBLISH_REVOCATIONS, 0, 2000);
      await quiet();
    },
  },
  {
    name: 'drain in 1 s',
    topics: sessions,
    env: { BRIDGE_DRAIN_MS: '1000', BRIDGE_LINGER_MS: '1000' },
    act: async ({ bridge }) => bridge.drain(),
  },
  {
    name: 'close',
    topics: sessions,
    act: async ({ bridge }) => bridge.close(),
  },
  {
    name: 'ends of all tokens in one tick',
    topics: sessions,
    act: async (scene) => {
      clockOffsetMs += 3_600_000;
      await gone(scene);
    },
  },
  {
    name: 'all leave, and what lingers ends',
    topics: sessions,
    env: { BRIDGE_LINGER_MS: '1000' },
    act: async ({ bridge, leave }) => {
      await leave();
      await until(() => bridge.openState().streams === 0);
    },
  },
  {
    name: 'connections to Redis lost and back',
    topics: sessions,
    act: async ({ redis, bridge, quiet }) => {
      await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await quiet();
      await until(() => bridge.openState().connections > 0);
    },
  },
  {
    name: 'pings of all within 1 s',
    topics: sessions,
    env: { BRIDGE_PING_INTERVAL_MS: '1000' },
    act: () => new Promise((resolve) => setTimeout(resolve, 3000)),
  },
  {
    name: 'renewal and announcement',
    topics: sessions,
    env: { BRIDGE_SESSION_TTL_MS: '2000', BRIDGE_CONNECTION_LEASE_MS: '3000' },
    act: () => new Promise((resolve) => setTimeout(resolve, 3000)),
  },
  {
    name: 'a scrape of /metrics',
    topics: (sockets) => chats(sockets).map((topic, index) => ({ ...topic, tenant: `t${index % 1000}` })),
    env: { BRIDGE_METRICS_MAX_TENANTS: '1000' },
    act: async ({ adminPort }) => {
      for (let index = 0; index < 3; index += 1) {
        await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      }
    },
  },
  {
    name: 'a storm of 1,000 upgrades',
    topics: sessions,
    share: 0,
    act: async ({ open }) => open(sessions(1000), 1000, 1000),
  },
  {
    name: '200 clients at once, each of which missed 1 MiB',
    topics: one,
    share: 0,
    prepare: async ({ redis, port, topics: [topic = dashboard('bench')] }) => {
      const { path, headers } = await PEER.client(topic, 0);
      const first = new WebSocket(`ws://127.0.0.1:${port}${path}`, [SUBPROTOCOL], { headers });
      const [ready] = (await once(first, 'message')) as [Buffer];
      const { data } = JSON.parse(ready.toString()) as ReadyFrame;
      const batch = redis.pipeline();
      for (let index = 0; index < 1000; index += 1) batch.publish(topic.channel, 'x'.repeat(1024));
      await batch.exec();
      first.close();
      return `?resume=${data.epoch}.${data.offset}`;
    },
    act: async ({ open, topics: [topic = dashboard('bench')], quiet, prepared }) => {
      await open([{ ...topic, path: topic.path + prepared }], 200, 200, () => 0);
      await quiet();
    },
  },
];

let clockOffsetMs = 0;

void main();

async function main(): Promise<void> {
  const description = 'The longest that the loop of a bridge works at a stretch, by what happens to it.';
  const options = benchCommand('stretches', description, 0)
    .option('--sockets <count>', 'how many', count, 5000)
    .option('--only <text>', 'picks cases')
    .parse()
    .opts<BenchOptions & { readonly sockets: number; readonly only?: string }>();
  const { rounds, sockets, only = '' } = options;
  const machine = thisMachine();
  const contestants = CASES.filter(({ name }) => name.includes(only)).map((each) => ({
    name: each.name,
    run: () => trial(each, sockets),
  }));
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`stretches, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  console.log(
    report({ bench: 'stretches', machine, settings: { rounds, sockets }, results, columns: COLUMNS }),
  );
}

function trial({ topics, share = 1000, env = {}, prepare, act }: Case, asked: number): Promise<Figures> {
  return withBackstage(async ({ folder, keep, worker }) => {
    const redisServer = await keep(privateRedis(folder));
    const redis = new Redis(redisServer.port);
    const load = worker<LoadCalls>('load/main.js');
    const bridge = createBridge(
      parseSettings({
        BRIDGE_HOST: '127.0.0.1',
        BRIDGE_PORT: '0',
        BRIDGE_ADMIN_HOST: '127.0.0.1',
        BRIDGE_ADMIN_PORT: '0',
        BRIDGE_ASSERTION_SECRET: ASSERTION_SECRET,
        BRIDGE_MAX_CONNECTIONS_PER_TENANT: '0',
        BRIDGE_MAX_CONNECTIONS_PER_USER: '100000',
        REDIS_URL: `redis://127.0.0.1:${redisServer.port}`,
        ...env,
      }),
      { log: pino({ level: 'fatal' }), now: () => Date.now() + clockOffsetMs },
    );
    const { port, adminPort } = await bridge.start();
    const sockets = Math.round((asked * share) / 1000);
    const used = topics(sockets);
    const open: Scene['open'] = async (each, many, atOnce, user = (number) => number) => {
      const peer = { client: (topic: Topic, number: number) => PEER.client(topic, user(number)) };
      for (let first = 0; first < many; first += SOCKETS_A_TURN) {
        const turn = Math.min(SOCKETS_A_TURN, many - first);
        const clients = await clientPlans(peer, each, { port, first, sockets: turn });
        const { refusals } = await load.call('open', { clients, atOnce });
        if (refusals.length > 0) throw new Error(`refused: ${refusals.join(', ')}`);
      }
    };
    const quiet: Scene['quiet'] = async () => {
      await load.call('settle', { quietMs: 300, mostMs: MOST_MS });
    };
    const leave: Scene['leave'] = async () => {
      await load.call('leave', undefined);
    };
    const scene = { bridge, port, adminPort, redis, sockets, topics: used, open, quiet, leave, prepared: '' };
    try {
      await open(used, sockets, CONNECT_AT_ONCE);
      const prepared = (await prepare?.(scene)) ?? '';
      await new Promise((resolve) => setTimeout(resolve, 300));
      const meter = new StretchMeter();
      const fromMs = performance.now();
      meter.start();
      await act({ ...scene, prepared });
      return { ...meter.stop(), tookS: (performance.now() - fromMs) / 1000 };
    } finally {
      clockOffsetMs = 0;
      redis.disconnect();
      await bridge.close();
    }
  });
}

const PEER = {
  client: async (topic: Topic, number: number) => ({
    path: topic.path,
    headers: { ...(await assertedHeaders(topic, number)), 'Sec-WebSocket-Protocol': SUBPROTOCOL },
  }),
};

async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + MOST_MS;
  while (!holds() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
}
