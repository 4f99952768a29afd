import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { ControlFrame } from '../../../protocol/frames';
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
    BRIDGE_CONNECTION_LEASE_MS: '1500',
    BRIDGE_LOCK_LEASE_MS: '3000',
    BRIDGE_PRESENCE_LINGER_MS: '1000',
  }).start();
});
afterAll(async () => {
  await bridge.kill();
  server.disconnect();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

/** A client, and the worker that has it. */
interface Seat {
  readonly user: string;
  readonly client: CountingClient;
  readonly worker: number;
}

const seats: Seat[] = [];
afterEach(async () => {
  for (const { client } of seats.splice(0)) client.client.socket.terminate();
  await server.flushall();
});

let users = 0;
async function seat(): Promise<Seat> {
  const user = `u${(users += 1)}`;
  const after = bridge.lines.length;
  const client = await connectCounting(bridge.url + PATH, { tenant: 'acme', user });
  const taken = { user, client, worker: await bridge.deciderOf(user, after) };
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

async function until({ client }: Seat, holds: (frame: ControlFrame) => boolean): Promise<ControlFrame> {
  for (;;) {
    const frame = await client.next();
    if (typeof frame === 'object' && holds(frame)) return frame;
  }
}

const counts = (count: number) => (frame: ControlFrame) =>
  frame.type === 'bridge.peers' && frame.data.count === count;

async function lock(one: Seat, name: string): Promise<string> {
  one.client.send(JSON.stringify({ type: 'bridge.lock', data: { name } }));
  const { type } = await until(
    one,
    (frame) => frame.type === 'bridge.locked' || frame.type === 'bridge.error',
  );
  return type;
}

async function told(): Promise<readonly string[]> {
  const entries = await server.xrange('ws:presence', '-', '+');
  return entries.map(([, fields]) => entryOf(fields).type);
}

describe('people at one document, at two workers of a bridge', () => {
  it('see each other, and one of them has a lock at a time', async () => {
    const [here, there] = await atBoth();
    await Promise.all([here, there].map((one) => until(one, counts(seats.length))));
    expect([await lock(here, 'B7'), await lock(there, 'B7')]).toEqual(['bridge.locked', 'bridge.error']);
    const { data } = await until(
      there,
      (frame) => frame.type === 'bridge.locks' && frame.data.locks.length > 0,
    );
    expect(data).toEqual({ locks: [{ name: 'B7', user: here.user }] });
    await here.client.client.close();
    await until(there, (frame) => frame.type === 'bridge.locks' && frame.data.locks.length === 0);
    expect(await lock(there, 'B7')).toBe('bridge.locked');
  });

  it('are one topic for services, which is left when both workers have lost its last listener', async () => {
    const [here, there] = await atBoth();
    await eventually(async () => (await told()).length > 0);
    for (const one of seats.filter(({ worker }) => worker === here.worker)) await one.client.client.close();
    await until(there, counts(seats.filter(({ worker }) => worker === there.worker).length));
    expect(await told()).toEqual(['joined']);
    for (const one of seats.filter(({ worker }) => worker === there.worker)) await one.client.client.close();
    await eventually(async () => (await told()).length === 2);
    expect(await told()).toEqual(['joined', 'left']);
  });

  it('lose a worker that is killed: its people leave the list, and its locks are free after their lease', async () => {
    const [here, there] = await atBoth();
    const others = seats.filter(({ worker }) => worker === there.worker).length;
    expect(await lock(here, 'B7')).toBe('bridge.locked');
    bridge.signal(here.worker, 'SIGKILL');
    await here.client.client.closed;
    expect(await lock(there, 'B7')).toBe('bridge.error');
    await until(there, counts(others));
    await eventually(async () => (await lock(there, 'B7')) === 'bridge.locked');
    expect(await told()).toEqual(['joined']);
  });
});
