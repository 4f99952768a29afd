import { describe, expect, it } from '@jest/globals';
import type { AppliedLimit } from '../../../plugin/store/limits';
import { sparingStore } from '../../../plugin/store/sparing-store';
import { StoreUnreachableError, type Store } from '../../../plugin/store/store';

const LIMIT: AppliedLimit = { key: 'k', slot: '{t}', rate: { limit: 1, windowSeconds: 1, burst: 0 } };
const query = (jti: string) => ({ limits: [LIMIT], revocationKey: `blacklist:${jti}` });

/** A store that knows these revoked tokens, with what it was asked: the number of limits, each time. */
function knowing(...jtis: string[]) {
  const revoked = new Set(jtis.map((jti) => `blacklist:${jti}`));
  const charged: number[] = [];
  let isAway = false;
  const store: Store = {
    ask({ limits, revocationKey = '' }) {
      charged.push(limits.length);
      if (isAway) return Promise.reject(new StoreUnreachableError('away'));
      return Promise.resolve({ admitted: true, states: [], revoked: revoked.has(revocationKey) });
    },
  };
  return {
    store,
    charged,
    revoked,
    goAway: () => {
      isAway = true;
    },
  };
}

describe('a revoked token', () => {
  it('is charged once, and looked up from then on', async () => {
    const { store, charged } = knowing('a');
    const sparing = sparingStore(store);
    for (let n = 0; n < 3; n += 1) expect(await sparing.ask(query('a'))).toMatchObject({ revoked: true });
    expect(charged).toEqual([1, 0, 0]);
  });

  it('is charged again in one question once it is good again', async () => {
    const { store, charged, revoked } = knowing('a');
    const sparing = sparingStore(store);
    await sparing.ask(query('a'));
    revoked.clear();
    for (let n = 0; n < 2; n += 1) expect(await sparing.ask(query('a'))).toMatchObject({ revoked: false });
    expect(charged).toEqual([1, 0, 1, 1]);
  });

  it('is forgotten when others take its place', async () => {
    const { store, charged } = knowing('a', 'b');
    const sparing = sparingStore(store, 1);
    for (const jti of ['a', 'b', 'a']) await sparing.ask(query(jti));
    expect(charged).toEqual([1, 1, 1]);
  });

  it('is unknown while nobody answers', async () => {
    const { store, goAway } = knowing('a');
    const sparing = sparingStore(store);
    await sparing.ask(query('a'));
    goAway();
    await expect(sparing.ask(query('a'))).rejects.toThrow(StoreUnreachableError);
  });

  it('waits for one answer while nobody answers, and not for a second one', async () => {
    const { store, charged, goAway } = knowing('a');
    const sparing = sparingStore(store);
    await sparing.ask(query('a'));
    goAway();
    await sparing.ask(query('a')).catch(() => undefined);
    expect(charged).toEqual([1, 0]);
  });

  it('is charged to nothing while it cannot be told whether it still is', async () => {
    const { store, charged } = knowing('a');
    let isTold = true;
    const sparing = sparingStore({
      ask: async (asked) => ({ ...(await store.ask(asked)), ...(!isTold && { revoked: undefined }) }),
    });
    await sparing.ask(query('a'));
    isTold = false;
    expect(await sparing.ask(query('a'))).toMatchObject({ uncounted: [LIMIT], revoked: undefined });
    expect(charged).toEqual([1, 0]);
  });

  it('is known for who would charge it elsewhere, whatever it was asked for with, until it is good again', async () => {
    const { store, revoked } = knowing('a');
    const sparing = sparingStore(store);
    const look = { limits: [], revocationKey: 'blacklist:a' };
    expect(sparing.wasRevoked?.('blacklist:a')).toBe(false);
    await sparing.ask(look);
    expect(sparing.wasRevoked?.('blacklist:a')).toBe(true);
    expect(sparing.wasRevoked?.('blacklist:b')).toBe(false);
    revoked.clear();
    await sparing.ask(look);
    expect(sparing.wasRevoked?.('blacklist:a')).toBe(false);
  });
});

it('A good token is asked for in one question', async () => {
  const { store, charged } = knowing();
  const sparing = sparingStore(store);
  for (let n = 0; n < 2; n += 1) await sparing.ask(query('a'));
  expect(charged).toEqual([1, 1]);
});
