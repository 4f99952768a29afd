import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { LockAnswer, LockStore } from '../../../sidecar/locks/lock-store';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { WITHOUT_ROOM } from '../../fakes/refused-writes';
import { DOCUMENT, LEASE_MS, LINGER_MS, LockStage } from './fixture';

jest.setTimeout(60_000);

let server: RedisServer;
let stage: LockStage;
let store: LockStore;

beforeAll(async () => {
  server = await startRedis();
  stage = new LockStage(server.url);
});
beforeEach(async () => {
  await stage.reset();
  store = stage.store();
});
afterAll(async () => {
  stage.redis.disconnect();
  await server.stop();
});

const claim = (name: string, userId = 'ana', holder = 'h1', document = DOCUMENT) =>
  store.take({ ...document, name, userId, holder });

async function granted(asked: Promise<LockAnswer>) {
  const answer = await asked;
  if (typeof answer === 'string') throw new Error(`expected a lock, got ${answer}`);
  return answer;
}

const lock = (name: string, token: string, document = DOCUMENT) => ({ ...document, name, token });

describe('a name in Redis', () => {
  it('is granted to one holder, and to the next once it is freed or its lease is over', async () => {
    const first = await granted(claim('B7'));
    expect(first.hadIt).toBe(false);
    expect([await claim('B7', 'bob'), await claim('B7', 'ana', 'h2')]).toEqual(['held', 'held']);
    expect(await store.extend([lock('B7', first.token)], 0)).toEqual([]);
    const second = await granted(claim('B7', 'bob'));
    await stage.pass(LEASE_MS);
    const third = await granted(claim('B7', 'carl'));
    expect([BigInt(second.token) > BigInt(first.token), BigInt(third.token) > BigInt(second.token)]).toEqual([
      true,
      true,
    ]);
  });

  it('is its holder again with a new token, and no other user by the same holder has it', async () => {
    const first = await granted(claim('B7'));
    expect(await claim('B7', 'eve', 'h1')).toBe('held');
    const again = await granted(claim('B7'));
    expect([again.hadIt, BigInt(again.token) > BigInt(first.token)]).toEqual([true, true]);
    expect(await store.extend([lock('B7', first.token)], 0)).toHaveLength(1);
    expect(await claim('B7', 'bob')).toBe('held');
  });

  it('goes on under its token alone, and not once its lease was over', async () => {
    const { token } = await granted(claim('B7'));
    for (let i = 0; i < 5; i += 1) {
      await stage.pass(LEASE_MS - 250);
      expect(await store.extend([lock('B7', token)], LEASE_MS)).toEqual([]);
    }
    const forged = lock('B7', '1');
    expect(await store.extend([forged], LEASE_MS)).toEqual([forged]);
    await stage.pass(LEASE_MS);
    expect(await store.extend([lock('B7', token)], LEASE_MS)).toHaveLength(1);
    expect(await claim('B7', 'bob')).toMatchObject({ hadIt: false });
  });

  it('has no token twice, though Redis lost all its data', async () => {
    const { token } = await granted(claim('B7'));
    await stage.redis.del(...(await stage.keys()));
    await stage.pass(250);
    expect(BigInt((await granted(claim('B7'))).token)).toBeGreaterThan(BigInt(token));
  });

  it('has larger tokens after a clock was set back, and no one waits longer than a lease', async () => {
    const { token } = await granted(claim('B7'));
    await stage.setRedisClock(-3_600_000);
    expect(await claim('B7', 'bob')).toBe('held');
    await stage.setRedisClock(-3_600_000 + LEASE_MS - 1);
    expect(await claim('B7', 'bob')).toBe('held');
    await stage.setRedisClock(-3_600_000 + LEASE_MS);
    expect(BigInt((await granted(claim('B7', 'bob'))).token)).toBeGreaterThan(BigInt(token));
  });

  it('is another for each document and each tenant, however it is spelled', async () => {
    const documents = [
      DOCUMENT,
      { ...DOCUMENT, channel: 'acme:collaboration:d2' },
      { ...DOCUMENT, tenantId: 'b' },
    ];
    for (const document of documents) await granted(claim('B7', 'ana', 'h1', document));
    await granted(claim('7\nB', 'ana', 'h1'));
    expect((await store.list(DOCUMENT)).locks.map(({ name }) => name).sort()).toEqual(['7\nB', 'B7']);
  });
});

it('keeps any name and any user apart from others, and says them as they were', async () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, text, text, async (name, user, other) => {
      await stage.reset();
      await granted(claim(name, user));
      expect(await store.list(DOCUMENT)).toMatchObject({ locks: [{ name, user }] });
      const again = await claim(name, other);
      if (other === user) expect(again).toMatchObject({ hadIt: true });
      else expect(again).toBe('held');
    }),
  );
});

it('has so many locks of a document and of a tenant, and no more', async () => {
  store = stage.store({ maxPerDocument: 2, maxPerTenant: 3 });
  const [a] = [await granted(claim('a')), await granted(claim('b'))];
  expect(await claim('c')).toBe('document');
  const other = { ...DOCUMENT, channel: 'acme:collaboration:d2' };
  await granted(claim('a', 'ana', 'h1', other));
  expect(await claim('b', 'ana', 'h1', other)).toBe('tenant');
  await granted(claim('b', 'ana', 'h1', { ...other, tenantId: 'globex' }));
  // Its own is no further one.
  await granted(claim('b'));
  await store.extend([lock('a', a.token)], 0);
  await granted(claim('c'));
  await stage.pass(LEASE_MS);
  await granted(claim('d'));
});

it('lists who holds what, and when the first of it ends', async () => {
  expect(await store.list(DOCUMENT)).toEqual({ locks: [], nextMs: undefined });
  await granted(claim('a', 'ana x'));
  await stage.pass(1000);
  await granted(claim('b', 'bob'));
  const { locks, nextMs } = await store.list(DOCUMENT);
  expect([...locks].sort((x, y) => (x.name < y.name ? -1 : 1))).toEqual([
    { name: 'a', user: 'ana x' },
    { name: 'b', user: 'bob' },
  ]);
  expect(nextMs).toBe(LEASE_MS - 1000);
  await stage.pass(LEASE_MS - 1000);
  expect(await store.list(DOCUMENT)).toEqual({ locks: [{ name: 'b', user: 'bob' }], nextMs: 1000 });
});

it('forgets all of it some time after the last call', async () => {
  await granted(claim('a'));
  const ttls = await Promise.all((await stage.keys()).map((key) => stage.redis.pttl(key)));
  expect(ttls).toHaveLength(3);
  for (const ttl of ttls) expect(ttl).toBeGreaterThan(600_000);
});

it('takes nothing, and says so, when Redis takes no writes', async () => {
  await granted(claim('a'));
  await WITHOUT_ROOM.begin(stage.redis);
  try {
    await expect(claim('b')).rejects.toThrow(/OOM/);
    expect(await claim('a', 'bob')).toBe('held');
  } finally {
    await WITHOUT_ROOM.end(stage.redis);
  }
  expect((await store.list(DOCUMENT)).locks.map(({ name }) => name)).toEqual(['a']);
});

it('never has two holders of one name, and tokens that grow, whatever the order of things', async () => {
  type Step = readonly [kind: 'lock' | 'free' | 'renew' | 'linger' | 'pass', who: number];
  const steps = fc.array(
    fc.tuple(fc.constantFrom<Step[0]>('lock', 'free', 'renew', 'linger', 'pass'), fc.nat(2)),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      await stage.reset();
      const held = new Map<number, string>();
      let last = 0n;
      for (const [kind, who] of script) {
        const token = held.get(who);
        if (kind === 'pass') await stage.pass(1000);
        else if (kind === 'lock') {
          const answer = await claim('x', `u${who}`, `h${who}`);
          if (typeof answer === 'string') continue;
          expect(BigInt(answer.token)).toBeGreaterThan(last);
          last = BigInt(answer.token);
          held.set(who, answer.token);
        } else if (token !== undefined) {
          const ms = { free: 0, renew: LEASE_MS, linger: LINGER_MS }[kind];
          const lost = await store.extend([lock('x', token)], ms);
          if (lost.length > 0 || kind === 'free') held.delete(who);
        }
        // Who is told that a lock goes on is the one who has it.
        const confirmed: number[] = [];
        for (const [one, of] of held) {
          if ((await store.extend([lock('x', of)], LEASE_MS)).length === 0) confirmed.push(one);
          else held.delete(one);
        }
        expect(confirmed.length).toBeLessThanOrEqual(1);
        const { locks } = await store.list(DOCUMENT);
        if (confirmed.length === 1) expect(locks).toEqual([{ name: 'x', user: `u${confirmed[0] ?? ''}` }]);
      }
    }),
    { numRuns: 25 },
  );
});
