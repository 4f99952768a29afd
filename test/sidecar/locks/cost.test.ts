import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { LockStore } from '../../../sidecar/locks/lock-store';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { LEASE_MS, LockStage } from './fixture';

let server: RedisServer;
let stage: LockStage;

beforeAll(async () => {
  server = await startRedis();
  stage = new LockStage(server.url);
});
beforeEach(() => stage.reset());
afterAll(async () => {
  stage.redis.disconnect();
  await server.stop();
});

function counting() {
  const calls = { take: 0, extend: 0, list: 0 };
  const counted = (store: LockStore): LockStore => ({
    take: (claim) => {
      calls.take += 1;
      return store.take(claim);
    },
    extend: (locks, ms) => {
      calls.extend += 1;
      return store.extend(locks, ms);
    },
    list: (document) => {
      calls.list += 1;
      return store.list(document);
    },
  });
  const taken = () => {
    const { take, extend, list } = calls;
    Object.assign(calls, { take: 0, extend: 0, list: 0 });
    return { take, extend, list };
  };
  return { bridge: stage.bridge({}, counted), taken };
}

it('costs a bridge one call for a document that is opened, and none for further clients or their ends', async () => {
  const { bridge, taken } = counting();
  const clients = Array.from({ length: 50 }, (_, i) => bridge.enter(`u${i}`));
  await stage.pass(2000);
  for (const client of clients) client.leave();
  await stage.pass(2000);
  expect(taken()).toEqual({ take: 0, extend: 0, list: 1 });
});

it('costs one call for a lock, one to free it, and one a second of each bridge for the list while locks change', async () => {
  const { bridge, taken } = counting();
  const other = counting();
  const client = bridge.enter('ana');
  other.bridge.enter('bob');
  await stage.pass(2000);
  expect([taken().list, other.taken().list]).toEqual([1, 1]);
  for (let i = 0; i < 8; i += 1) {
    await client.lock('B7');
    await client.unlock('B7');
    await stage.pass(250);
  }
  await stage.pass(1000);
  const [own, others] = [taken(), other.taken()];
  expect([own.take, own.extend]).toEqual([8, 8]);
  expect([own.list <= 3, others.list <= 3, others.take, others.extend]).toEqual([true, true, 0, 0]);
});

it('costs a bridge a call in a third of the lease for all locks of a tenant, and a list now and then', async () => {
  const { bridge, taken } = counting();
  for (let i = 0; i < 30; i += 1) {
    const client = bridge.enter(`u${i}`);
    for (const name of ['a', 'b', 'c']) await client.lock(`${name}${i}`);
  }
  await stage.pass(2000);
  taken();
  await stage.pass(10 * LEASE_MS);
  const { take, extend, list } = taken();
  expect([take, extend <= 31, list <= 16]).toEqual([0, true, true]);
});
