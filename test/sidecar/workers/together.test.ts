import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { LocksFrame } from '../../../protocol/frames';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connectCounting, eventually, type CountingClient } from '../fixture';
import { entryOf } from '../presence/fixture';
import { BridgeWithWorkers } from './bridge-with-workers';

const PATH = '/ws/doc/d1';
const ROUTE = { name: 'doc', path: '/ws/doc/{id}', channels: ['{tenant}:doc:{id}'], messages: 'relay' };

jest.setTimeout(60_000);

let redis: RedisServer;
let server: Redis;
let folder: string;
let bridge: BridgeWithWorkers;

beforeAll(async () => {
  redis = await startRedis();
  server = new Redis(redis.url);
  folder = mkdtempSync(join(tmpdir(), 'together-'));
  const file = join(folder, 'routes.json');
  writeFileSync(file, JSON.stringify({ routes: [{ ...ROUTE, presence: true, peers: true, locks: true }] }));
  bridge = await new BridgeWithWorkers(redis.url, {
    BRIDGE_ROUTES_FILE: file,
    // A worker that lives keeps to them on a slow machine too.
    BRIDGE_CONNECTION_LEASE_MS: '8000',
    BRIDGE_LOCK_LEASE_MS: '8000',
    BRIDGE_PRESENCE_LINGER_MS: '1000',
  }).start();
});
afterAll(async () => {
  await bridge.kill();
  server.disconnect();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

/** A client, the worker that has it, and what it was told last. */
class Seat {
  readonly user: string;
  readonly client: CountingClient;
  readonly worker: number;
  /** Connections at the document. */
  count = 0;
  /** Who holds what. */
  locks: LocksFrame['data']['locks'] = [];

  constructor(user: string, client: CountingClient, worker: number) {
    this.user = user;
    this.client = client;
    this.worker = worker;
  }

  /** Reads until this holds. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#read();
  }

  /** @returns the type of the answer */
  async lock(name: string): Promise<string> {
    this.client.send(JSON.stringify({ type: 'bridge.lock', data: { name } }));
    for (;;) {
      const type = await this.#read();
      if (type === 'bridge.locked' || type === 'bridge.error') return type;
    }
  }

  async #read(): Promise<string> {
    const frame = await this.client.next();
    if (typeof frame === 'string') return 'data';
    if (frame.type === 'bridge.peers') this.count = frame.data.count;
    if (frame.type === 'bridge.locks') this.locks = frame.data.locks;
    return frame.type;
  }
}

const seats: Seat[] = [];
afterEach(async () => {
  for (const { client } of seats.splice(0)) client.client.socket.terminate();
  // A worker would tell of them later, into the next test.
  await eventually(async () => (await bridge.metric('ws_bridge_connections')) === 0);
  await server.flushall();
});

let users = 0;
async function seat(): Promise<Seat> {
  const user = `u${(users += 1)}`;
  const after = bridge.lines.length;
  const client = await connectCounting(bridge.url + PATH, { tenant: 'acme', user });
  const taken = new Seat(user, client, await bridge.deciderOf(user, after));
  seats.push(taken);
  return taken;
}

/** One at each worker, and those that came on the way. */
async function atBoth(): Promise<readonly [here: Seat, there: Seat]> {
  const here = await seat();
  for (;;) {
    const there = await seat();
    if (there.worker !== here.worker) return [here, there];
  }
}

async function told(): Promise<readonly string[]> {
  const entries = await server.xrange('ws:presence', '-', '+');
  return entries.map(([, fields]) => entryOf(fields).type);
}

const at = (worker: number): readonly Seat[] => seats.filter((one) => one.worker === worker);

describe('people at one document, at two workers of a bridge', () => {
  it('see each other, and one of them has a lock at a time', async () => {
    const [here, there] = await atBoth();
    for (const one of [here, there]) await one.until(() => one.count === seats.length);
    expect([await here.lock('B7'), await there.lock('B7')]).toEqual(['bridge.locked', 'bridge.error']);
    await there.until(() => there.locks.length > 0);
    expect(there.locks).toEqual([{ name: 'B7', user: here.user }]);
    await here.client.client.close();
    await there.until(() => there.locks.length === 0);
    expect(await there.lock('B7')).toBe('bridge.locked');
  });

  it('are one topic for services, which is left when both workers have lost its last listener', async () => {
    const [here, there] = await atBoth();
    await eventually(async () => (await told()).length > 0);
    for (const one of at(here.worker)) await one.client.client.close();
    await there.until(() => there.count === at(there.worker).length);
    expect(await told()).toEqual(['joined']);
    for (const one of at(there.worker)) await one.client.client.close();
    await eventually(async () => (await told()).length === 2);
    expect(await told()).toEqual(['joined', 'left']);
  });

  it('lose a worker that is killed: its people leave the list, and its locks are free after their lease', async () => {
    const [here, there] = await atBoth();
    expect(await here.lock('B7')).toBe('bridge.locked');
    await there.until(() => there.locks.length === 1);
    bridge.signal(here.worker, 'SIGKILL');
    await here.client.client.closed;
    expect(await there.lock('B7')).toBe('bridge.error');
    await there.until(() => there.count === at(there.worker).length);
    await there.until(() => there.locks.length === 0);
    expect(await there.lock('B7')).toBe('bridge.locked');
    expect(await told()).toEqual(['joined']);
  });
});
