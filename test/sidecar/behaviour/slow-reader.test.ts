import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connect,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  startUpgrade,
  type Client,
  type TestBridge,
} from '../fixture';

const FAST = 200;
const MESSAGES = 100;
const ROUNDS = 3;
const FLOOD_MESSAGE = 'x'.repeat(64 * 1024);
/** The slow one is sent so much beyond what the kernel takes for it. */
const FLOOD_BYTES = 96 * 2 ** 20;
/** This process, clients and all, may hold so much more of all that than before. */
const MAX_GROWTH_BYTES = 24 * 2 ** 20;
const ROUTES = {
  routes: [
    {
      name: 'feed',
      path: '/feed',
      channels: ['{tenant}:feed', '{tenant}:feed:{user}'],
      messages: 'refuse',
      slowConsumer: 'latest',
    },
  ],
};

let redisServer: RedisServer;
let redis: Redis;
let directory: string;
let bridge: TestBridge;

beforeAll(async () => {
  redisServer = await startRedis();
  redis = new Redis(redisServer.url);
  directory = await mkdtemp(join(tmpdir(), 'slow-reader-'));
  const file = join(directory, 'routes.json');
  await writeFile(file, JSON.stringify(ROUTES));
  bridge = await startBridge(redisServer.url, {
    BRIDGE_ROUTES_FILE: file,
    // Its answer to a ping is behind all that it has not read.
    BRIDGE_PING_INTERVAL_MS: '600000',
  });
});
afterAll(async () => {
  await bridge.bridge.close();
  redis.disconnect();
  await redisServer.stop();
  await rm(directory, { recursive: true });
});

/** A client that takes 1 KB a second. */
class SlowReader {
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  bytes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    this.#timer = setInterval(() => {
      this.bytes += (socket.read(1024) as Buffer | null)?.length ?? 0;
    }, 1000);
  }

  static async open(): Promise<SlowReader> {
    const headers = await headersFor({ tenant: 'acme', user: 'slow' });
    const [, socket] = (await once(startUpgrade(`${bridge.url}/feed`, headers), 'upgrade')) as [
      unknown,
      Socket,
    ];
    return new SlowReader(socket);
  }

  /** From now on takes whatever comes, until what came ends with `end`. */
  async readUntil(end: string): Promise<void> {
    clearInterval(this.#timer);
    let last = Buffer.alloc(0);
    for await (const chunk of this.#socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      this.bytes += chunk.length;
      last = Buffer.concat([last, chunk]).subarray(-end.length);
      if (last.toString('latin1') === end) return;
    }
  }

  cut(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }
}

async function isReplacing(): Promise<boolean> {
  const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  return /action="replaced",bound="socket"\} [1-9]/.test(metrics);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The memory that this process holds: on the heap, and in buffers outside of it. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Publishes to the slow one alone. @returns how many bytes */
async function flood(messages: number): Promise<number> {
  for (let sent = 0; sent < messages; sent += 1) await redis.publish('acme:feed:slow', FLOOD_MESSAGE);
  return messages * FLOOD_MESSAGE.length;
}

async function openFast(): Promise<Client[]> {
  const clients: Client[] = [];
  for (let index = 0; index < FAST; index += 1) {
    clients.push(await connect(`${bridge.url}/feed`, { tenant: 'acme', user: `u${index}` }));
  }
  return clients;
}

/** Publishes to all; resolves with the 99th percentile of the fast ones' latencies in ms when each has each message. */
async function p99OfAll(clients: readonly Client[]): Promise<number> {
  const latencies: number[] = [];
  const received = clients.map((client) => {
    const got: number[] = [];
    client.socket.on('message', (data: Buffer) => {
      const [index, sentAt] = data.toString().split(' ').map(Number) as [number, number];
      got.push(index);
      latencies.push(performance.now() - sentAt);
    });
    return got;
  });
  for (let index = 0; index < MESSAGES; index += 1) {
    await redis.publish('acme:feed', `${index} ${performance.now()} ${'y'.repeat(100)}`);
  }
  await eventually(() => received.every((got) => got.length >= MESSAGES));
  const all = Array.from({ length: MESSAGES }, (_, index) => index);
  for (const got of received) expect(got).toEqual(all);
  for (const client of clients) client.socket.removeAllListeners('message');
  return latencies.sort((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? NaN;
}

async function medianP99(clients: readonly Client[]): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await p99OfAll(clients));
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? NaN;
}

it('a client that reads 1 KB a second, beside 200 fast ones: these get every frame, and what waits for it is bounded', async () => {
  const fast = await openFast();
  await p99OfAll(fast);
  const alone = await medianP99(fast);
  const before = heldBytes();
  const slow = await SlowReader.open();
  // Until what the kernel and the bridge hold for it is full, and much more.
  let fullAt = 0;
  while (!(await isReplacing())) fullAt += await flood(16);
  for (let flooded = 0; flooded < FLOOD_BYTES;) flooded += await flood(16);
  const beside = await medianP99(fast);
  const growth = heldBytes() - before;
  // Acceptance: within 2 times. A machine that others use makes it more, so that it is told and not asserted.
  process.stdout.write(
    `slow reader: fast clients' p99 ${alone.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside it, ${(beside / alone).toFixed(2)} times (aim: 2); ` +
      `held ${(growth / 2 ** 20).toFixed(1)} MiB more after ${((fullAt + FLOOD_BYTES) / 2 ** 20).toFixed(0)} MiB for it\n`,
  );
  expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  expect(bridge.bridge.openState()).toMatchObject({
    connections: FAST + 1,
    undecidedUpgrades: 0,
    streams: 0,
  });
  await redis.publish('acme:feed', 'the newest');
  await slow.readUntil('the newest');
  expect(slow.bytes).toBeLessThan(1.5 * fullAt);
  slow.cut();
  await Promise.all(fast.map((client) => client.close()));
  await eventually(() => bridge.bridge.openState().connections === 0);
  expect(bridge.bridge.openState()).toEqual(EMPTY);
}, 240_000);
