import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { WHEEL_TICK_MS } from '../../../sidecar/assemble';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  HANDSHAKE,
  headersFor,
  startBridge,
} from '../fixture';
import type { TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };

let redis: RedisServer;
let bridge: TestBridge;
let now: number;

beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(async () => {
  // On a tick of the bridge's wheel.
  now = Math.ceil(Date.now() / WHEEL_TICK_MS) * WHEEL_TICK_MS;
  // Nobody is pinged meanwhile: one of these looks at the bytes.
  const env = { BRIDGE_DRAIN_MS: '10000', BRIDGE_PING_INTERVAL_MS: `${24 * 3_600_000}` };
  bridge = await startBridge(redis.url, env, () => now);
  await eventually(async () => (await readyStatus()) === 200);
});
afterAll(async () => {
  await redis.stop();
});

async function commandIds(): Promise<readonly (string | undefined)[]> {
  const client = new Redis(redis.url);
  const entries = await client.xrange('ai:commands', '-', '+');
  client.disconnect();
  return entries.map(([, fields]) => fields[fields.indexOf('id') + 1]);
}

/** Holds up what Redis is asked, so that an upgrade stays undecided. */
function pauseRedis({ pid }: RedisServer): { resume(): void } {
  process.kill(pid, 'SIGSTOP');
  return { resume: () => process.kill(pid, 'SIGCONT') };
}

/** A connection without a request, and its end, which may come at any time. */
async function openTcp(url: string): Promise<{ readonly socket: Socket; readonly cut: Promise<unknown> }> {
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  const cut = once(socket, 'close');
  await once(socket, 'connect');
  // Taken is a connection only once the bridge has read it from the kernel.
  await eventually(async () => (await fetch(url.replace(/^ws/, 'http'))).status === 404);
  return { socket, cut };
}

function upgradeText(path: string, headers: Readonly<Record<string, string>>): string {
  const fields = Object.entries({ Host: 'a', ...HANDSHAKE, ...headers });
  return [`GET ${path} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');
}

async function readyStatus(): Promise<number> {
  return (await fetch(`${bridge.adminUrl}/readyz`)).status;
}

describe('a bridge that drains', () => {
  it('is unready and its traffic port closed at once, and it closes its sockets evenly with 1012', async () => {
    const url = `${bridge.url}/ws/notifications`;
    const clients = [];
    for (let count = 0; count < 10; count += 1) clients.push(await connect(url, ALICE));
    const headers = await headersFor(ALICE, now);
    const drained = bridge.bridge.drain();
    await expect(askUpgrade(url, headers)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await readyStatus()).toBe(503);
    for (const left of [8, 6, 4, 2, 0]) {
      expect(bridge.bridge.openState().connections).toBe(left + 2);
      now += 2000;
      await eventually(() => bridge.bridge.openState().connections <= left);
      expect(bridge.bridge.openState().connections).toBe(left);
    }
    await drained;
    expect(await Promise.all(clients.map((client) => client.closed))).toEqual(clients.map(() => 1012));
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });

  it('finishes the commands that are on their way first', async () => {
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat`, ALICE);
    process.kill(redis.pid, 'SIGSTOP');
    for (const id of ['c1', 'c2']) chat.send(`{"type":"ask","id":"${id}"}`);
    await eventually(async () => {
      const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
      return metrics.includes('ws_bridge_messages_received_total{route="ai-chat"} 2');
    });
    const drained = bridge.bridge.drain();
    now += 20_000;
    await eventually(() => bridge.bridge.openState().deadlines === 1);
    // Too late: nothing more is read.
    chat.send('{"type":"ask","id":"c3"}');
    process.kill(redis.pid, 'SIGCONT');
    for (const id of ['c1', 'c2']) expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id } });
    expect(await chat.client.closed).toBe(1012);
    expect(await commandIds()).toEqual(['c1', 'c2']);
    // The stream keeps the frames from meanwhile for its client.
    await eventually(() => bridge.bridge.openState().connections === 0);
    expect(bridge.bridge.openState().streams).toBe(1);
    now += 61_000;
    await drained;
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });

  it('forgets when to close a socket that has closed by itself', async () => {
    const url = `${bridge.url}/ws/notifications`;
    const [leaving, staying] = [await connect(url, ALICE), await connect(url, ALICE)];
    const drained = bridge.bridge.drain();
    await leaving.close();
    await eventually(() => bridge.bridge.openState().connections === 1);
    // The end of the token of the one that stays, and its closing.
    expect(bridge.bridge.openState().deadlines).toBe(2);
    now += 10_000;
    expect(await staying.closed).toBe(1012);
    await drained;
  });

  it('admits an upgrade that was on its way, and closes it with the last of the others', async () => {
    const url = `${bridge.url}/ws/notifications`;
    const early = await connect(url, ALICE);
    const paused = pauseRedis(redis);
    const onItsWay = connect(url, ALICE);
    await eventually(() => bridge.bridge.openState().undecidedUpgrades === 1);
    const drained = bridge.bridge.drain();
    paused.resume();
    const late = await onItsWay;
    // The ends of both tokens, and both closings.
    expect(bridge.bridge.openState().deadlines).toBe(4);
    now += 10_000;
    expect([await early.closed, await late.closed]).toEqual([1012, 1012]);
    await drained;
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });

  it('admits an upgrade whose request comes on a connection that it took before', async () => {
    const { socket } = await openTcp(bridge.url);
    const staying = await connect(`${bridge.url}/ws/notifications`, ALICE);
    const drained = bridge.bridge.drain();
    socket.write(upgradeText('/ws/notifications', await headersFor(ALICE, now)));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
    const next = once(socket, 'data');
    now += 10_000;
    expect(await staying.closed).toBe(1012);
    const [close] = (await next) as [Buffer];
    expect(close.readUInt16BE(2)).toBe(1012);
    socket.destroy();
    await drained;
  });

  it('cuts a connection on which no request comes, once the handshake timeout has passed', async () => {
    const other = await startBridge(redis.url, { BRIDGE_HANDSHAKE_TIMEOUT_MS: '3000' });
    const { cut } = await openTcp(other.url);
    await other.bridge.drain();
    await cut;
    expect(other.bridge.openState()).toEqual(EMPTY);
    await bridge.bridge.close();
  });

  it('without sockets ends at once', async () => {
    await bridge.bridge.drain();
    expect(bridge.bridge.openState()).toEqual(EMPTY);
  });
});
