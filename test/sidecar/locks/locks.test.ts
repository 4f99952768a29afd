import { jest } from '@jest/globals';
import { deferred } from '../../../sidecar/lib/promises';
import { MARGIN_MS } from '../../../sidecar/locks/held-locks';
import type { LockStore } from '../../../sidecar/locks/lock-store';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { DOCUMENT, LEASE_MS, LINGER_MS, LockStage } from './fixture';

jest.setTimeout(60_000);

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

const LOST = { type: 'bridge.unlocked', data: { name: 'B7', reason: 'lost' } };
const FREED = { type: 'bridge.unlocked', data: { name: 'B7', reason: 'freed' } };

/** A way to Redis that can be cut. */
function cuttable() {
  const state = { isAway: false };
  const way = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) => {
    return (...args: Args): Promise<T> => (state.isAway ? Promise.reject(new Error('away')) : call(...args));
  };
  const around = (store: LockStore): LockStore => ({
    take: way((claim) => store.take(claim)),
    extend: (locks, ms) => (state.isAway ? Promise.reject(new Error('away')) : store.extend(locks, ms)),
    list: way((document) => store.list(document)),
  });
  return { state, around };
}

describe('a lock of a client', () => {
  it('is held for as long as its socket is there, whatever the lease', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    expect(await ana.lock('B7')).toBeUndefined();
    await stage.pass(5 * LEASE_MS);
    expect([await bob.lock('B7'), ana.told.at(-1)?.type]).toEqual(['held', 'bridge.locks']);
    expect(await ana.unlock('B7')).toBeUndefined();
    expect(ana.told.at(-1)).toEqual(FREED);
    expect(await bob.lock('B7')).toBeUndefined();
    expect(bob.token).toBeGreaterThan(ana.token);
    expect([here.outcomes, there.outcomes]).toEqual([
      ['granted', 'freed'],
      ['held', 'granted'],
    ]);
  });

  it('is answered again with its token when it is asked for again, and asks nothing of Redis', async () => {
    const { state, around } = cuttable();
    const ana = stage.bridge({}, around).enter('ana');
    await ana.lock('B7');
    const { token } = ana;
    state.isAway = true;
    expect([await ana.lock('B7'), ana.token]).toEqual([undefined, token]);
  });

  it('is one of a few: a socket has so many and no more', async () => {
    const bridge = stage.bridge();
    const ana = bridge.enter('ana');
    for (const name of ['a', 'b', 'c']) expect(await ana.lock(name)).toBeUndefined();
    expect(await ana.lock('d')).toBe('socket');
    await ana.unlock('a');
    expect(await ana.lock('d')).toBeUndefined();
    expect(await bridge.enter('ana').lock('a')).toBeUndefined();
    expect(bridge.outcomes).toContain('limited');
  });

  it('is answered in the order in which it was asked for', async () => {
    const ana = stage.bridge().enter('ana');
    await Promise.all([ana.lock('B7'), ana.unlock('B7'), ana.lock('B7')]);
    expect(ana.told.map(({ type }) => type)).toEqual(['bridge.locked', 'bridge.unlocked', 'bridge.locked']);
  });

  it('is freed at once with a socket whose client named no holder, or does not come back', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const bob = there.enter('bob');
    for (const [holder, mayComeBack] of [[undefined, true] as const, ['h1', false] as const]) {
      const ana = here.enter('ana');
      await ana.lock('B7', holder);
      ana.leave(mayComeBack);
      await here.locks.settled();
      expect(await bob.lock('B7')).toBeUndefined();
      await bob.unlock('B7');
    }
  });

  it('is freed when its socket went before Redis was asked, or before it answered', async () => {
    const there = stage.bridge();
    const bob = there.enter('bob');
    for (const isAsked of [false, true]) {
      let calls = 0;
      let onAsked = (): void => undefined;
      const here = stage.bridge({}, (store) => ({
        ...store,
        take: (claim) => {
          calls += 1;
          onAsked();
          return store.take(claim);
        },
      }));
      const ana = here.enter('ana');
      onAsked = () => {
        ana.leave(true);
      };
      const asked = ana.lock('B7');
      if (!isAsked) ana.leave(true);
      await asked;
      await here.locks.settled();
      expect([calls, ana.told, here.locks.size, here.wheel.size]).toEqual([isAsked ? 1 : 0, [], 0, 0]);
      expect(await bob.lock('B7')).toBeUndefined();
      await bob.unlock('B7');
    }
  });
});

describe('a lock that its client gives back just before its socket ends', () => {
  /** A way to Redis whose answers about locks come when they are let. */
  function slow() {
    const { promise, resolve } = deferred<undefined>();
    const state = {
      isSlow: false,
      answer: () => {
        resolve(undefined);
      },
    };
    const around = (store: LockStore): LockStore => ({
      ...store,
      take: async (claim) => {
        const taken = await store.take(claim);
        if (state.isSlow) await promise;
        return taken;
      },
    });
    return { state, around };
  }

  it.each([
    ['it holds it', ['A1', 'B7']],
    ['its answer is still to come', ['B7']],
  ])('is freed at once while %s, and does not wait for the client to come back', async (_, names) => {
    const { state, around } = slow();
    const [here, there] = [stage.bridge({}, around), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    for (const name of names.slice(0, -1)) await ana.lock(name, 'h1');
    state.isSlow = true;
    const [given = ''] = names;
    const asked = [ana.lock('B7', 'h1'), ana.unlock(given)];
    await stage.redis.ping();
    ana.leave(true);
    state.answer();
    await Promise.all(asked);
    await here.locks.settled();
    expect(await bob.lock(given)).toBeUndefined();
  });

  it('is kept for its client when it was asked for again after that', async () => {
    const { state, around } = slow();
    const [here, there] = [stage.bridge({}, around), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    await ana.lock('A1', 'h1');
    state.isSlow = true;
    const asked = [ana.lock('B7', 'h1'), ana.unlock('A1'), ana.lock('A1', 'h1')];
    await stage.redis.ping();
    ana.leave(true);
    state.answer();
    await Promise.all(asked);
    await here.locks.settled();
    expect([await bob.lock('A1'), await bob.lock('B7')]).toEqual(['held', 'held']);
  });
});

describe('the holder who comes back', () => {
  it('has its lock again at any bridge, with a new token, and nobody came in between', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const bob = there.enter('bob');
    const ana = here.enter('ana');
    await ana.lock('B7', 'h1');
    ana.leave(true);
    await stage.pass(LINGER_MS - 250);
    expect([await bob.lock('B7'), bob.list]).toEqual(['held', 'B7 ana']);
    const back = there.enter('ana');
    expect(await back.lock('B7', 'h1')).toBeUndefined();
    expect(back.token).toBeGreaterThan(ana.token);
    await stage.pass(3 * LEASE_MS);
    expect([await bob.lock('B7'), there.outcomes.includes('resumed')]).toEqual(['held', true]);
  });

  it('comes too late after the time for that, and is told who has it', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    await ana.lock('B7', 'h1');
    ana.leave(true);
    await stage.pass(LINGER_MS);
    expect(await bob.lock('B7')).toBeUndefined();
    expect(await there.enter('ana').lock('B7', 'h1')).toBe('held');
  });

  it('takes it from its socket before, which is told, also where that is still open elsewhere', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const [first, second] = [here.enter('ana'), here.enter('ana')];
    await first.lock('B7', 'h1');
    await second.lock('B7', 'h1');
    expect([first.told.at(-1), here.locks.size]).toEqual([LOST, 1]);
    const third = there.enter('ana');
    await third.lock('B7', 'h1');
    await stage.pass(LEASE_MS / 3 + 500);
    expect([second.told.filter(({ type }) => type === 'bridge.unlocked'), here.locks.size]).toEqual([
      [LOST],
      0,
    ]);
    first.leave(true);
    second.leave(true);
    await stage.pass(LINGER_MS);
    expect(await here.enter('bob').lock('B7')).toBe('held');
  });

  it('has it after its bridge was killed, until the lease ends', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    await here.enter('ana').lock('B7', 'h1');
    stage.kill(here);
    await stage.pass(LEASE_MS - 250);
    expect(await there.enter('bob').lock('B7')).toBe('held');
    expect(await there.enter('ana').lock('B7', 'h1')).toBeUndefined();
  });
});

describe('a lock whose bridge is in trouble', () => {
  it('is free, and listed no more, when its lease is over after the bridge was killed', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const bob = there.enter('bob');
    await here.enter('ana').lock('B7');
    await stage.pass(1250);
    expect(bob.list).toBe('B7 ana');
    stage.kill(here);
    await stage.pass(LEASE_MS + 1250);
    expect([bob.list, await bob.lock('B7')]).toEqual(['', undefined]);
  });

  it('is lost to its holder as soon as its bridge runs again after it stalled, and the next has a larger token', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    await ana.lock('B7');
    await stage.pass(LEASE_MS, [here]);
    expect(await bob.lock('B7')).toBeUndefined();
    expect(bob.token).toBeGreaterThan(ana.token);
    await stage.runs();
    expect(ana.told).toContainEqual(LOST);
    expect([here.outcomes, here.locks.size]).toEqual([['granted', 'lost'], 0]);
    await stage.pass(LEASE_MS);
    expect(await ana.lock('B7')).toBe('held');
  });

  it('is lost to its holder while nobody else can have it yet, when its bridge cannot reach Redis', async () => {
    const { state, around } = cuttable();
    const [here, there] = [stage.bridge({}, around), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    await ana.lock('B7');
    state.isAway = true;
    await stage.pass(LEASE_MS - MARGIN_MS - 250);
    expect(ana.told.some(({ type }) => type === 'bridge.unlocked')).toBe(false);
    await stage.pass(250);
    expect([ana.told.at(-1), await bob.lock('B7')]).toEqual([LOST, 'held']);
    expect(await ana.lock('B7')).toBe('unconfirmed');
    await stage.pass(MARGIN_MS);
    expect(await bob.lock('B7')).toBeUndefined();
  });

  it('is free once it is lost, though a renewal whose answer is late came to Redis in time', async () => {
    const late: (() => void)[] = [];
    const here = stage.bridge({}, (store) => ({
      ...store,
      extend: async (locks, ms) => {
        const lost = await store.extend(locks, ms);
        if (ms === LEASE_MS) await new Promise<void>((resolve) => late.push(resolve));
        return lost;
      },
    }));
    const ana = here.enter('ana');
    await ana.lock('B7');
    here.isSlow = true;
    await stage.pass(LEASE_MS - MARGIN_MS);
    expect([ana.told.at(-1), late.length]).toEqual([LOST, 1]);
    await stage.redis.ping();
    expect(await stage.bridge().enter('bob').lock('B7')).toBeUndefined();
    late[0]?.();
    here.isSlow = false;
    await here.locks.settled();
    expect(here.locks.size).toBe(0);
  });

  it('is lost in its own time, though the answer about one before it at the same name came late', async () => {
    const { state, around } = cuttable();
    let answer = (): void => undefined;
    const here = stage.bridge({}, (store) => ({
      ...around(store),
      extend: async (locks, ms) => {
        const lost = await around(store).extend(locks, ms);
        if (ms === LEASE_MS) await new Promise<void>((resolve) => (answer = resolve));
        return lost;
      },
    }));
    const ana = here.enter('ana');
    await ana.lock('B7');
    here.isSlow = true;
    await stage.pass(LEASE_MS / 3);
    await ana.unlock('B7');
    await ana.lock('B7');
    answer();
    state.isAway = true;
    await stage.pass(LEASE_MS);
    expect(ana.told.at(-1)).toEqual(LOST);
  });

  it('goes on when Redis is away for less than the lease', async () => {
    const { state, around } = cuttable();
    const [here, there] = [stage.bridge({}, around), stage.bridge()];
    await here.enter('ana').lock('B7');
    state.isAway = true;
    await stage.pass(LEASE_MS - 1250);
    state.isAway = false;
    await stage.pass(3 * LEASE_MS);
    expect(await there.enter('bob').lock('B7')).toBe('held');
  });

  it('is never granted on a guess: an answer that is lost is none, and the holder has the name when it asks again', async () => {
    let isLost = true;
    const here = stage.bridge({}, (store) => ({
      ...store,
      take: async (claim) => {
        const answer = await store.take(claim);
        if (!isLost) return answer;
        isLost = false;
        throw new Error('the answer was lost');
      },
    }));
    const ana = here.enter('ana');
    expect([await ana.lock('B7'), ana.told]).toEqual(['unconfirmed', []]);
    expect(await stage.bridge().enter('bob').lock('B7')).toBe('held');
    expect(await ana.lock('B7')).toBeUndefined();
  });

  it('is lost when Redis lost its data', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const ana = here.enter('ana');
    await ana.lock('B7');
    await stage.redis.del(...(await stage.keys()));
    await stage.pass(250);
    expect(await there.enter('bob').lock('B7')).toBeUndefined();
    await stage.pass(LEASE_MS / 3 + 250);
    expect(ana.told).toContainEqual(LOST);
  });

  it('is not told freed by an unlock that Redis did not confirm, and is free when the lease is over', async () => {
    const { state, around } = cuttable();
    const here = stage.bridge({}, around);
    const ana = here.enter('ana');
    await ana.lock('B7');
    state.isAway = true;
    expect([await ana.unlock('B7'), ana.told.at(-1)?.type]).toEqual(['unconfirmed', 'bridge.locked']);
    state.isAway = false;
    await stage.pass(LEASE_MS);
    expect(await here.enter('bob').lock('B7')).toBeUndefined();
  });
});

describe('everybody at a document', () => {
  it('is told who holds what once it comes, and on each change', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    await stage.pass(250);
    expect([ana.list, bob.list]).toEqual(['', '']);
    await ana.lock('B7');
    await bob.lock('A1');
    await stage.pass(2000);
    expect([ana.list, bob.list]).toEqual(['A1 bob,B7 ana', 'A1 bob,B7 ana']);
    const carl = here.enter('carl');
    await stage.pass(1000);
    expect(carl.list).toBe('A1 bob,B7 ana');
    ana.leave();
    await stage.pass(2000);
    expect([carl.list, bob.list]).toEqual(['A1 bob', 'A1 bob']);
  });

  it('is told of a lock on another bridge whose word was lost at first, for as long as it is held', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const [ana, bob] = [here.enter('ana'), there.enter('bob')];
    await stage.pass(1000);
    stage.isDumb = true;
    await ana.lock('B7');
    await stage.pass(1250);
    stage.isDumb = false;
    await stage.pass(2000);
    expect(bob.list).toBe('B7 ana');
    const { published } = stage;
    await stage.pass(5 * LEASE_MS);
    expect(stage.published).toBe(published);
  });

  it('is told at most once a second, and bridges ask and tell no more often, however many changes there are', async () => {
    let lists = 0;
    const there = stage.bridge({}, (store) => ({
      ...store,
      list: (document) => {
        lists += 1;
        return store.list(document);
      },
    }));
    const [ana, bob] = [stage.bridge().enter('ana'), there.enter('bob')];
    for (let i = 0; i < 40; i += 1) {
      await ana.lock('B7');
      await stage.pass(250);
      await ana.unlock('B7');
    }
    await stage.pass(1000);
    expect([bob.told.length, lists, stage.published].filter((count) => count > 12)).toEqual([]);
    expect(bob.list).toBe('');
  });

  it('is not told again what it knows, though the list is read again', async () => {
    const bridge = stage.bridge();
    const [ana, bob] = [bridge.enter('ana'), bridge.enter('bob')];
    await ana.lock('B7');
    await stage.pass(5 * LEASE_MS);
    expect(bob.told).toHaveLength(1);
    ana.leave();
  });

  it('is told nothing of another document, or of another tenant', async () => {
    const bridge = stage.bridge();
    const others = [
      bridge.enter('bob', { ...DOCUMENT, channel: 'acme:collaboration:d2' }),
      bridge.enter('eve', { tenantId: 'evil', channel: 'evil:collaboration:d1' }),
    ];
    await bridge.enter('ana').lock('B7');
    await stage.pass(2000);
    expect(others.map(({ list }) => list)).toEqual(['', '']);
  });

  it('is told once a list can be read again', async () => {
    const { state, around } = cuttable();
    const here = stage.bridge({}, around);
    await here.enter('ana').lock('B7');
    state.isAway = true;
    const bob = here.enter('bob');
    await stage.pass(1000);
    state.isAway = false;
    await stage.pass(1500);
    expect(bob.list).toBe('B7 ana');
  });
});

it('leaves nothing behind when the last one has left', async () => {
  const [here, there] = [stage.bridge(), stage.bridge()];
  const clients = [here.enter('ana'), here.enter('bob'), there.enter('carl')];
  for (const [index, client] of clients.entries()) await client.lock(`n${index}`, `h${index}`);
  await stage.pass(2000);
  for (const client of clients) client.leave();
  await Promise.all([here.locks.settled(), there.locks.settled()]);
  expect([here, there].map(({ locks, wheel }) => [locks.size, locks.documents, wheel.size])).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ]);
  expect(await stage.keys()).toEqual(['ws:lock:{acme}:token']);
});
