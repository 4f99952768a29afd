import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { Cluster, Redis, SentinelConnector } from 'ioredis';
import { gatherWrites } from '../../redis/coalesce-writes';
import { giveUp } from '../../redis/give-up-silent';
import { MasterConnector } from '../../redis/master-connector';
import { NodeConnector } from '../../redis/node-connector';
import type { ConnectionSettings } from '../../redis/options';
import { LiveSentinelConnector } from '../../redis/sentinel-connector';
import { tapMessages } from '../../sidecar/fanout/resp-reader';
import { startRedis, type RedisServer } from '../fakes/redis-server';

/*
 * Members and habits of ioredis that it does not document, and that this code is built on. A version of ioredis that changes one
 * fails here, with a sentence that says which one and who uses it.
 */

/** Something that is relied on: whether it holds, and what to say when it does not. */
type Reliance = readonly [holds: boolean, sentence: string];

/** The sentences of those that do not hold. */
function broken(reliances: readonly Reliance[]): readonly string[] {
  return reliances.filter(([holds]) => !holds).map(([, sentence]) => sentence);
}

const TAP = 'tapMessages (sidecar/fanout/resp-reader.ts) takes that listener over';

let server: RedisServer;
const opened: (Redis | Cluster)[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterEach(() => {
  for (const redis of opened.splice(0)) redis.disconnect();
});
afterAll(async () => {
  await server.stop();
});

/** As the two servers open one: it connects when it is told to, and nothing waits. */
function open(options: ConnectionSettings = {}): Redis {
  const redis = new Redis({
    host: '127.0.0.1',
    port: server.port,
    lazyConnect: true,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    commandTimeout: 2000,
    retryStrategy: () => 1,
    ...options,
  });
  redis.on('error', () => undefined);
  opened.push(redis);
  return redis;
}

function streamOf(redis: Redis): Socket | undefined {
  const { stream } = redis as unknown as { readonly stream?: unknown };
  return stream instanceof Socket ? stream : undefined;
}

/** Loses the connection and resolves once there is another one. */
function reconnected(redis: Redis): Promise<void> {
  const ready = new Promise<void>((resolve) => {
    redis.once('ready', resolve);
  });
  giveUp(redis, 'for the test');
  return ready;
}

describe("what this code relies on of ioredis's insides", () => {
  it('redis.stream: the DataHandler listens to it when `connect` is told, and nothing was read by then', async () => {
    const redis = open();
    const atConnect: Reliance[] = [];
    redis.on('connect', () => {
      const stream = streamOf(redis);
      atConnect.push(
        [
          stream !== undefined,
          'redis.stream is no socket at `connect`: the tap of messages has nothing to tap',
        ],
        [
          stream?.listenerCount('data') === 1 && stream.listeners('data')[0]?.length === 1,
          `the DataHandler of ioredis is not the one listener to \`data\` of redis.stream at \`connect\`: ${TAP}`,
        ],
        [stream?.bytesRead === 0, `something was read from redis.stream before \`connect\` was told: ${TAP}`],
      );
    });
    await redis.connect().catch(() => undefined);
    expect(atConnect).toHaveLength(3);
    expect(broken(atConnect)).toEqual([]);
  });

  it('redis.stream: the DataHandler reads what it is handed, and listens to it no second time', async () => {
    const redis = open();
    const tapped: string[] = [];
    tapMessages(redis, (channel, payload) => tapped.push(`${channel}: ${payload.toString()}`));
    const toIoredis: unknown[] = [];
    redis.on('message', (...message: unknown[]) => toIoredis.push(message));
    const publisher = open();
    const subscribed = await redis
      .connect()
      .then(() => redis.subscribe('c'))
      .catch(() => 0);
    await publisher.publish('c', 'one');
    const answered = await redis.ping().catch(() => undefined);
    const handed = `the DataHandler does not read what its listener to \`data\` of redis.stream is handed: ${TAP}`;
    expect(
      broken([
        [subscribed === 1, handed],
        [answered !== undefined, handed],
        [
          streamOf(redis)?.listenerCount('data') === 1,
          `ioredis listens to \`data\` of redis.stream once more after \`connect\`: ${TAP}`,
        ],
        [toIoredis.length === 0, `ioredis reads past the tap of redis.stream: ${TAP}`],
        [tapped.join() === 'c: one', 'the tap of redis.stream does not get what Redis sends'],
      ]),
    ).toEqual([]);
  });

  it('redis.stream: what it is asked is written by `write`, and counted by its bytes', async () => {
    const redis = open();
    await redis.connect();
    const stream = streamOf(redis);
    if (stream === undefined) throw new Error('redis.stream is no socket');
    gatherWrites(stream);
    let writes = 0;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = (...args: unknown[]): boolean => {
      writes += 1;
      return write(...args);
    };
    const { bytesRead, bytesWritten } = stream;
    await Promise.all([redis.ping(), redis.ping()]);
    expect(
      broken([
        [
          writes > 0,
          'ioredis writes past redis.stream.write: gatherWrites (redis/coalesce-writes.ts) gathers nothing',
        ],
        [
          stream.bytesRead > bytesRead && stream.bytesWritten > bytesWritten,
          'redis.stream does not carry commands: giveUpSilent (redis/give-up-silent.ts) judges by its bytes',
        ],
      ]),
    ).toEqual([]);
  });

  it('redis.stream: one that is destroyed is another one after the reconnect', async () => {
    const redis = open();
    await redis.connect();
    const before = streamOf(redis);
    await reconnected(redis);
    const after = streamOf(redis);
    expect(
      broken([
        [
          before?.destroyed === true && after !== undefined && after !== before && !after.destroyed,
          'redis.stream is not the stream of the new connection: giveUpSilent (redis/give-up-silent.ts) looks at it',
        ],
      ]),
    ).toEqual([]);
  });

  it('AbstractConnector: `firstError` is told of a stream that is destroyed already', async () => {
    class Destroyed extends NodeConnector {
      override connect(): Promise<Socket> {
        this.firstError = new Error('the first error');
        this.stream = new Socket().destroy();
        return Promise.resolve(this.stream);
      }
    }
    const redis = open({ Connector: Destroyed, retryStrategy: () => null });
    const told: string[] = [];
    redis.on('error', ({ message }: Error) => told.push(message));
    await redis.connect().catch(() => undefined);
    expect(
      broken([
        [
          told.includes('the first error'),
          'ioredis does not tell connector.firstError: NodeConnector (redis/node-connector.ts) sets it',
        ],
      ]),
    ).toEqual([]);
  });

  it('DataHandler: a reply that no command waits for is told as an error', async () => {
    const listening = createServer((socket) => {
      socket.on('data', () => socket.write('+PONG\r\n+PONG\r\n')).on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const { port } = listening.address() as AddressInfo;
    const redis = open({ port, protocol: 2, enableReadyCheck: false, Connector: NodeConnector });
    await redis.connect();
    const told = once(redis, 'error') as Promise<[Error]>;
    await redis.ping();
    const [{ message }] = await told;
    expect(
      broken([
        [
          /^Command queue state error\b.*\bLast reply: PONG/s.test(message),
          'ioredis tells in other words of a reply that is too many: ShardConnection (sidecar/pubsub/shard-connection.ts) knows by it that answers went to the wrong commands',
        ],
      ]),
    ).toEqual([]);
    listening.close();
  });

  it('AbstractConnector: `disconnect` ends `stream`, and sets `connecting` back', async () => {
    const listening = createServer().listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const { port } = listening.address() as AddressInfo;
    const connector = new NodeConnector({ host: '127.0.0.1', port });
    const socket = await connector.connect();
    await once(socket, 'connect');
    const whileOpen = Object.assign({}, connector) as unknown as {
      readonly connecting?: boolean;
      readonly stream?: Socket;
    };
    connector.disconnect();
    const { connecting } = connector as unknown as { readonly connecting?: boolean };
    const members = 'NodeConnector and LiveSentinelConnector (redis/) set it';
    expect(
      broken([
        [
          whileOpen.connecting === true && connecting === false,
          `AbstractConnector lost \`connecting\`: ${members}`,
        ],
        [
          whileOpen.stream === socket && socket.writableEnded,
          `AbstractConnector does not end its \`stream\`: ${members}`,
        ],
      ]),
    ).toEqual([]);
    socket.destroy();
    listening.close();
  });

  it('AbstractConnector: `check` is asked with the role before `ready`', async () => {
    const roles: (string | undefined)[] = [];
    class Asked extends MasterConnector {
      override check(info: { readonly role?: string }): boolean {
        roles.push(info.role);
        return super.check(info);
      }
    }
    const redis = open({ Connector: Asked });
    await redis.connect();
    expect(
      broken([
        [
          roles.join() === 'master',
          'ioredis does not ask connector.check for the role: MasterConnector (redis/master-connector.ts) refuses replicas there',
        ],
      ]),
    ).toEqual([]);
  });

  it('SentinelConnector: `connectToSentinel` opens each connection to a sentinel', async () => {
    const { connectToSentinel } = SentinelConnector.prototype as unknown as Record<string, unknown>;
    expect(
      broken([
        [
          typeof connectToSentinel === 'function',
          'SentinelConnector lost `connectToSentinel`: LiveSentinelConnector (redis/sentinel-connector.ts) wraps it',
        ],
      ]),
    ).toEqual([]);

    const connector = new LiveSentinelConnector({
      sentinels: [{ host: '127.0.0.1', port: server.port }],
      name: 'm',
      sentinelRetryStrategy: () => null,
    });
    const insides = connector as unknown as Record<'connectToSentinel', (...args: unknown[]) => Redis>;
    const wrapped = insides.connectToSentinel;
    const sentinels: Redis[] = [];
    insides.connectToSentinel = (...args) => {
      const sentinel = wrapped(...args);
      sentinels.push(sentinel);
      return sentinel;
    };
    // A Redis that is no sentinel knows no master.
    await connector.connect(() => undefined).catch(() => undefined);
    connector.disconnect();
    const [sentinel] = sentinels;
    const { connector: its } = (sentinel ?? {}) as { readonly connector?: unknown };
    expect(
      broken([
        [
          sentinel instanceof Redis && its instanceof NodeConnector,
          'SentinelConnector opens connections past its `connectToSentinel`, or without its options: ' +
            'LiveSentinelConnector (redis/sentinel-connector.ts) gives up silent ones there',
        ],
      ]),
    ).toEqual([]);
  });

  it('Redis: a reconnect subscribes again by `subscribe` of the connection itself', async () => {
    const redis = open();
    await redis.connect();
    await redis.subscribe('c');
    const asked: unknown[] = [];
    const subscribe = redis.subscribe.bind(redis) as (...args: unknown[]) => Promise<unknown>;
    redis.subscribe = (...args: unknown[]) => {
      asked.push(...args.flat());
      return subscribe(...args);
    };
    await reconnected(redis);
    expect(
      broken([
        [
          asked.join() === 'c',
          'ioredis does not subscribe again by redis.subscribe: hearResubscription (redis/sentinel-connector.ts) catches its rejection',
        ],
      ]),
    ).toEqual([]);
  });

  it('Cluster: `refreshSlotsCache` reads the map of the slots, and `lastNodeError` says why it cannot', async () => {
    const node = await startRedis((port) => [
      ...['--port', `${port}`, '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    ]);
    const admin = open({ port: node.port, Connector: NodeConnector });
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const cluster = new Cluster([{ host: '127.0.0.1', port: node.port }], {
      enableReadyCheck: false,
      slotsRefreshTimeout: 20_000,
      clusterRetryStrategy: () => null,
      redisOptions: { Connector: NodeConnector },
    });
    opened.push(cluster);
    await once(cluster, 'ready');
    const { refreshSlotsCache } = cluster as unknown as Record<string, unknown>;
    const isThere: Reliance = [
      typeof refreshSlotsCache === 'function',
      'Cluster lost `refreshSlotsCache`: refreshSlots (redis/slot-refresh.ts) calls it',
    ];
    expect(broken([isThere])).toEqual([]);
    let refreshes = 0;
    cluster.on('refresh', () => (refreshes += 1));
    const read = () =>
      new Promise<(Error & { readonly lastNodeError?: unknown }) | null | undefined>((resolve) => {
        cluster.refreshSlotsCache(resolve);
      });
    await read();
    // It answers, and is asked no more once it has ended.
    await admin.call('ACL', 'SETUSER', 'default', '-cluster');
    const error = await read();
    await node.stop();
    expect(
      broken([
        [
          refreshes > 0,
          'Cluster.refreshSlotsCache reads no map: refreshSlots (redis/slot-refresh.ts) calls it',
        ],
        [
          error?.lastNodeError instanceof Error,
          'the error of a Cluster lost `lastNodeError`: ConnectionLog (redis/connection-log.ts) tells it',
        ],
      ]),
    ).toEqual([]);
  });
});
