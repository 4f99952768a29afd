import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connect, eventually, startBridge, type Caller, type Client, type TestBridge } from '../fixture';

const PATH = '/ws/notifications';
const ANA: Caller = { tenant: 'acme', user: 'ana' };
const KEY = 'ws:return:{acme}:ana:%2Fws%2Fnotifications';

let server: RedisServer;
let redis: Redis;
let bridge: TestBridge;
/** The clock of durations. */
let monotonicMs: number;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  monotonicMs = 0;
  bridge = await startBridge(server.url, {}, { monotonicMs: () => monotonicMs });
});
afterEach(() => bridge.bridge.close());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

function open(caller: Caller = ANA): Promise<Client> {
  return connect(bridge.url + PATH, caller);
}

/** How many may come back. */
async function returns(): Promise<number> {
  const entries = await redis.lrange(KEY, 0, -1);
  return entries.reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0);
}

/** Resolves once the bridge has nothing open, and Redis has heard of all that follows from it. */
async function allOver(): Promise<void> {
  await eventually(() => bridge.bridge.openState().connections === 0);
  await eventually(() => bridge.bridge.openState().cappedCallers === 0);
}

describe('the user of a socket that was cut', () => {
  it('may come back when it lived for 30 s', async () => {
    const clients = [await open(), await open()];
    monotonicMs = 30_000;
    for (const client of clients) await client.cut();
    await eventually(async () => (await returns()) === 2);
    const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
    expect(metrics).toContain('ws_bridge_returns_granted_total{route="notifications"} 2');
  });

  it('may not when it did not, nor when the client closed it', async () => {
    const [young, closed] = [await open(), await open()];
    monotonicMs = 29_999;
    await young.cut();
    await eventually(() => bridge.bridge.openState().connections === 1);
    monotonicMs = 60_000;
    await closed.close();
    await allOver();
    await bridge.bridge.close();
    expect(await returns()).toBe(0);
  });

  it('may not when the token was revoked', async () => {
    const client = await open();
    monotonicMs = 60_000;
    await redis.publish('ws:control', '{"type":"revoke","tenant":"acme","user":"ana"}');
    expect(await client.closed).toBe(4401);
    await allOver();
    await bridge.bridge.close();
    expect(await returns()).toBe(0);
  });
});

describe('the user of a socket of a bridge that ends', () => {
  it('may come back, however young the socket is, and Redis knows it when the bridge is closed', async () => {
    const client = await open();
    await bridge.bridge.close();
    expect(await client.closed).toBe(1012);
    expect(await returns()).toBe(1);
  });

  it('may not where there are no returns', async () => {
    await bridge.bridge.close();
    bridge = await startBridge(server.url, { BRIDGE_RETURN_AFTER_MS: '0' });
    const client = await open();
    await bridge.bridge.close();
    expect(await client.closed).toBe(1012);
    expect(await returns()).toBe(0);
  });
});

it('a Redis that refuses returns is told in the log, and everything else goes on', async () => {
  await redis.set(KEY, 'no list');
  const client = await open();
  monotonicMs = 30_000;
  await client.cut();
  await eventually(() => bridge.logLines.some((line) => line.includes('returns not granted')));
  const next = await open();
  expect(next.socket.readyState).toBe(next.socket.OPEN);
  await next.close();
});
