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
let wallMs: number;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  [monotonicMs, wallMs] = [0, Date.now()];
  bridge = await startBridge(server.url, {}, { monotonicMs: () => monotonicMs, now: () => wallMs });
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

  it('may not when its client broke a rule', async () => {
    const client = await open();
    monotonicMs = 60_000;
    client.socket.send('x'.repeat(5000));
    expect(await client.closed).toBe(1009);
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

describe('the user of a socket whose token is about to expire', () => {
  function pass(ms: number): void {
    monotonicMs += ms;
    wallMs += ms;
  }

  const caller = (seconds: number): Caller => ({ ...ANA, exp: Math.floor(wallMs / 1000) + seconds });

  it('may open the next one in the last minute, and not another one when it is closed or expires', async () => {
    const [renewed, expired] = [await open(caller(100)), await open(caller(100))];
    pass(39_000);
    expect(await returns()).toBe(0);
    pass(2000);
    await eventually(async () => (await returns()) === 2);
    await renewed.close();
    pass(60_000);
    expect(await expired.closed).toBe(4401);
    await allOver();
    await bridge.bridge.close();
    expect(await returns()).toBe(2);
  });

  it('may only then come back when the socket had not lived for 30 s', async () => {
    const [client, young] = [await open(caller(80)), await open(caller(25))];
    pass(26_000);
    expect(await young.closed).toBe(4401);
    expect(await returns()).toBe(0);
    pass(55_000);
    expect(await client.closed).toBe(4401);
    await allOver();
    await bridge.bridge.close();
    expect(await returns()).toBe(1);
  });

  it('may not open another one when the bridge ends', async () => {
    await open(caller(100));
    pass(41_000);
    await eventually(async () => (await returns()) === 1);
    await bridge.bridge.close();
    expect(await returns()).toBe(1);
  });
});

it('may come back whom a service has judged anew', async () => {
  const client = await open();
  monotonicMs = 60_000;
  await redis.publish('ws:control', '{"type":"reauthorize","tenant":"acme","user":"ana"}');
  await eventually(() => bridge.logLines.some((line) => line.includes('to be judged anew')));
  monotonicMs = 71_000;
  expect(await client.closed).toBe(4401);
  await eventually(async () => (await returns()) === 1);
});

describe('the user of a socket of a bridge that ends', () => {
  it('may come back, however young the socket is, and Redis knows it when the bridge is closed', async () => {
    const client = await open();
    await bridge.bridge.close();
    expect(await client.closed).toBe(1012);
    expect(await returns()).toBe(1);
  });

  it('may come back when nothing else of the bridge waits for Redis: its end waits for the last returns', async () => {
    await bridge.bridge.close();
    const uncapped = { BRIDGE_MAX_CONNECTIONS_PER_USER: '0', BRIDGE_MAX_CONNECTIONS_PER_TENANT: '0' };
    bridge = await startBridge(server.url, uncapped);
    const clients = [await open(), await open()];
    await bridge.bridge.close();
    for (const client of clients) expect(await client.closed).toBe(1012);
    expect(await returns()).toBe(2);
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
