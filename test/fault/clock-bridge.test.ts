import { writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { makeOwnFolder, type OwnFolder } from '../fakes/own-folder';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  headersFor,
  HANDSHAKE,
  type Caller,
  type Client,
} from '../sidecar/fixture';
import { DEFAULT_ROUTES } from '../../sidecar/routes/route';
import { BridgeProcess } from './bridge-process';
import { setClock } from './stepped-date.cjs';
import { withSettingsLinger } from './settings-linger';
import { until } from './until';

const HOUR_MS = 3_600_000;
/** The timers of these bridges are some seconds; this is for a noisy machine, and far from an hour. */
const SOON_MS = 20_000;
const ECHO_MS = 1000;
/** The head of a masked text frame of 60,000 bytes (RFC 6455 §5.2), whose mask changes nothing. */
const LONG_MESSAGE_HEAD = Buffer.from([0x01, 0xfe, 0xea, 0x60, 0, 0, 0, 0]);
const ENV = {
  BRIDGE_DRAIN_MS: '1000',
  BRIDGE_LINGER_MS: '6000',
  BRIDGE_MESSAGE_TIMEOUT_MS: '1500',
  BRIDGE_PING_INTERVAL_MS: '5000',
  BRIDGE_HANDSHAKE_TIMEOUT_MS: '6000',
  BRIDGE_SESSION_TTL_MS: '6000',
  BRIDGE_CONNECTION_LEASE_MS: '6000',
};
const ROUTES = {
  routes: DEFAULT_ROUTES.map(withSettingsLinger).map((route) =>
    route.messages === 'relay' ? { ...route, echoAfterSeconds: ECHO_MS / 1000 } : route,
  ),
};

let folder: OwnFolder;
let redis: RedisServer;
let admin: Redis;
let bridge: BridgeProcess;
/** Each test's own: what one does to a tenant reaches no other. */
let tenant: string;
let tenants = 0;

beforeAll(async () => {
  folder = makeOwnFolder('clock-');
  redis = await startRedis();
  admin = new Redis(redis.url);
});
beforeEach(() => {
  tenant = `t${(tenants += 1)}`;
});
afterEach(async () => {
  await step(0);
});
afterAll(async () => {
  admin.disconnect();
  await redis.stop();
  await folder.remove();
});

const url = (path: string): string => `ws://127.0.0.1:${bridge.port}${path}`;
const userOf = (user = 'alice'): Caller => ({ tenant, user });
/** Its token outlives every step. */
const forADay = (user?: string): Caller => ({ ...userOf(user), exp: Date.now() / 1000 + 86_400 });

/** Sets the clock of the bridge and of who admits. */
async function step(offsetMs: number): Promise<void> {
  setClock(offsetMs);
  await bridge.setClock(offsetMs);
}

/** Whether it comes true in some seconds. */
const soon = (holds: () => boolean | Promise<boolean>): Promise<boolean> => until(holds, SOON_MS);

interface RawSocket {
  readonly socket: Socket;
  readonly isGone: () => boolean;
  /** Whether it ended with a reset, which a client that reads nothing notices, and which leaves nothing in the kernel. */
  readonly wasReset: () => boolean;
}

function rawSocket(): RawSocket {
  let [gone, reset] = [false, false];
  const socket = connectTcp(bridge.port, '127.0.0.1');
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (reset = code === 'ECONNRESET'));
  socket.once('close', () => (gone = true));
  return { socket, isGone: () => gone, wasReset: () => reset };
}

/** An open WebSocket whose client never reads, and never answers a ping. */
async function deafSocket(path: string) {
  const before = await bridge.gauge('ws_bridge_connections');
  const raw = rawSocket();
  const headers = { Host: 'bridge', ...HANDSHAKE, ...(await headersFor(forADay())) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  raw.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  const isOpen = async (): Promise<boolean> => (await bridge.gauge('ws_bridge_connections')) > before;
  if (!(await soon(isOpen))) throw new Error('refused');
  return raw;
}

describe.each([
  ['back', -HOUR_MS],
  ['on', HOUR_MS],
])('a clock that is set an hour %s', (direction, stepMs) => {
  beforeAll(async () => {
    await admin.flushall();
    const routesFile = join(folder.path, 'routes.json');
    writeFileSync(routesFile, JSON.stringify(ROUTES));
    bridge = await BridgeProcess.start(redis.url, { ...ENV, BRIDGE_ROUTES_FILE: routesFile }, 0);
  });
  afterAll(async () => {
    bridge.signal('SIGKILL');
    await bridge.ended;
  });

  // The first: an assertion that the bridge remembers from a step before would hold this one up.
  it('accepts no assertion twice, then or when it is right again', async () => {
    const headers = await headersFor(forADay());
    const statusOf = async (given: Record<string, string>): Promise<number> =>
      (await askUpgrade(url('/ws/notifications'), given)).status;
    expect(await statusOf(headers)).toBe(101);
    await step(stepMs);
    expect(await statusOf(await headersFor(forADay()))).toBe(101);
    expect(await statusOf(headers)).toBe(401);
    await step(0);
    expect(await statusOf(headers)).toBe(401);
  });

  it('cuts a message that is not finished, also of a client that does not read', async () => {
    const client = await connect(url('/ws/collaboration/plan'), forADay());
    const deaf = await deafSocket('/ws/collaboration/plan');
    client.socket.send('begun', { fin: false });
    deaf.socket.write(LONG_MESSAGE_HEAD);
    await step(stepMs);
    expect(await within(client.closed)).toBe(1006);
    // It goes on writing: a peer that only waits hears nothing of a reset that the network lost.
    const isGone = (): boolean => {
      deaf.socket.write('a');
      return deaf.isGone();
    };
    expect(await soon(isGone)).toBe(true);
  });

  it('cuts a client that answers no ping, and no other', async () => {
    const client = await connect(url('/ws/notifications'), forADay());
    const deaf = await deafSocket('/ws/notifications');
    await step(stepMs);
    deaf.socket.resume();
    expect(await soon(deaf.isGone)).toBe(true);
    expect(deaf.wasReset()).toBe(true);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  });

  it('cuts a request that does not come whole', async () => {
    const { socket, isGone } = rawSocket();
    socket.write('GET /ws/notifications HTTP/1.1\r\n');
    socket.resume();
    await step(stepMs);
    expect(await soon(isGone)).toBe(true);
  });

  it('ends a token when it is over, by the clock or by the time that it had left', async () => {
    const begunMs = performance.now();
    const client = await connect(url('/ws/notifications'), { ...userOf(), exp: Date.now() / 1000 + 3 });
    const longer = await connect(url('/ws/notifications'), forADay());
    await step(stepMs);
    expect(await within(client.closed)).toBe(4401);
    // Not before its time, where the clock does not say so.
    if (direction === 'back') expect(performance.now() - begunMs).toBeGreaterThan(2500);
    expect(longer.socket.readyState).toBe(longer.socket.OPEN);
  });

  it("keeps a session its owner's, and what a bridge holds counted", async () => {
    const session = `s${Math.abs(stepMs)}${direction}`;
    await connect(url(`/ws/ai/chat?session=${session}`), forADay());
    const keys = (await admin.keys('*')).filter((key) => key.includes(session) || key.includes(tenant));
    // Its owner, its tenant's connections, its user's.
    expect(keys).toHaveLength(3);
    await step(stepMs);
    for (const key of keys) expect(await within(renewed(key))).toBe(true);
    const other = await headersFor({ tenant: 'evil', user: 'eve' });
    expect(await askUpgrade(url(`/ws/ai/chat?session=${session}`), other)).toMatchObject({ status: 403 });
  });

  it('forgets a stream in its time, and resumes it until then', async () => {
    const first = await connectCounting(url('/ws/notifications'), forADay());
    await first.client.cut();
    await step(stepMs);
    await admin.publish(`${tenant}:notifications`, 'missed');
    const second = await connectCounting(url('/ws/notifications'), forADay(), first.point);
    expect([second.ready.resumed, await second.next()]).toEqual([true, 'missed']);
    await second.client.close();
    await step(0);
    expect(await soon(async () => (await bridge.gauge('ws_bridge_streams')) === 0)).toBe(true);
  });

  it('refuses a command that Redis does not confirm in time', async () => {
    const client = await connect(url('/ws/ai/chat'), forADay());
    await admin.client('PAUSE', SOON_MS, 'WRITE');
    client.socket.send('{"type":"ask","id":"1"}');
    await step(stepMs);
    const answer = await within(client.nextJson());
    await admin.client('UNPAUSE');
    expect(answer).toMatchObject({ data: { code: 'UNAVAILABLE' } });
  });

  it('gives a peer its own message back when it was sent nothing for a while, and not before', async () => {
    const alice = await connect(url('/ws/collaboration/plan'), forADay());
    const bob = await connect(url('/ws/collaboration/plan'), forADay('bob'));
    const heard = async (client: Client, text: string): Promise<number> => {
      for (let others = 0; ; others += 1) if ((await client.nextText()) === text) return others;
    };
    bob.socket.send('hello');
    await heard(alice, 'hello');
    const heardMs = performance.now();
    await step(stepMs);
    alice.socket.send('own');
    await heard(bob, 'own');
    bob.socket.send('marker');
    const echoes = await heard(alice, 'marker');
    // As far as this machine lets one see it.
    if (performance.now() - heardMs < ECHO_MS) expect(echoes).toBe(0);
    const sending = setInterval(() => {
      alice.socket.send('again');
    }, 200);
    await within(heard(alice, 'again'));
    clearInterval(sending);
  });

  it('lets who was revoked log in again after some seconds', async () => {
    const client = await connect(url('/ws/notifications'), forADay());
    await admin.publish('ws:control', `{"type":"revoke","tenant":"${tenant}"}`);
    expect(await within(client.closed)).toBe(4401);
    await step(stepMs);
    const admitted = async (): Promise<boolean> =>
      (await askUpgrade(url('/ws/notifications'), await headersFor(forADay()))).status === 101;
    expect(await admitted()).toBe(false);
    expect(await soon(admitted)).toBe(true);
  });

  it('leaves the proof of delivery going on', async () => {
    await step(stepMs);
    const heard = (): Promise<number> => bridge.gauge('ws_bridge_delivery_probes_total');
    const before = await heard();
    expect(await soon(async () => (await heard()) > before)).toBe(true);
    expect(await bridge.isReady()).toBe(true);
  });

  it('ends a drain and the lingering after it in their time', async () => {
    const clients = [
      await connect(url('/ws/notifications'), forADay()),
      await connect(url('/ws/notifications'), forADay(), ['bridge.v1']),
    ];
    bridge.signal('SIGTERM');
    await until(async () => !(await bridge.isReady()));
    await step(stepMs);
    expect(await within(Promise.all(clients.map(({ closed }) => closed)))).toEqual([1012, 1012]);
    expect(await within(bridge.ended)).toBe(0);
  });
});

/** The promise's value; rejects when it takes longer than some seconds. */
async function within<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  void promise.finally(() => (settled = true)).catch(() => undefined);
  if (!(await soon(() => settled))) throw new Error(`not within ${SOON_MS} ms`);
  return promise;
}

/** Whether a key's life is made longer. */
async function renewed(key: string): Promise<boolean> {
  let last = await admin.pttl(key);
  return soon(async () => {
    const left = await admin.pttl(key);
    const longer = left > last;
    last = left;
    return longer;
  });
}
