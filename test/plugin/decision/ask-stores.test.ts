import { describe, expect, it } from '@jest/globals';
import { askStores } from '../../../plugin/decision/ask-stores';
import type { AppliedLimit } from '../../../plugin/store/limits';
import { StoreUnreachableError, type Store, type StoreAnswer } from '../../../plugin/store/store';

const LIMIT: AppliedLimit = { key: 'k', slot: '{t}', rate: { limit: 1, windowSeconds: 1, burst: 0 } };
const STATE = { limit: 1, remaining: 0, retryAfterUs: 0, resetUs: 1 };
const COUNTED: StoreAnswer = { admitted: true, states: [STATE], revoked: undefined };
const TOLERANT = { faultTolerant: true, revocation: { faultTolerant: true } } as never;

const answering = (answer: StoreAnswer): Store => ({ ask: () => Promise.resolve(answer) });
const silent: Store = { ask: () => Promise.reject(new StoreUnreachableError('away')) };

/** A fallback that counts how often it is asked: each time is a decision with the limits in memory. */
function fallback() {
  const asked: number[] = [];
  const store: Store = {
    ask({ limits }) {
      asked.push(limits.length);
      return Promise.resolve({ admitted: true, states: limits.map(() => STATE), revoked: false });
    },
  };
  return { store, asked };
}

describe('the limits in memory', () => {
  it('are not asked when Redis counted all limits, though nobody knows of the token', async () => {
    const { store, asked } = fallback();
    const query = { limits: [LIMIT], revocationKey: 'blacklist:j' };
    const answer = await askStores(query, TOLERANT, { store: answering(COUNTED), fallbackStore: store });
    expect(answer).toMatchObject({ admitted: true, states: [STATE], revoked: undefined });
    expect(asked).toEqual([]);
  });

  it('are not asked where nothing is limited and Redis is away', async () => {
    const { store, asked } = fallback();
    const query = { limits: [], revocationKey: 'blacklist:j' };
    const answer = await askStores(query, TOLERANT, { store: silent, fallbackStore: store });
    expect(answer).toMatchObject({ admitted: true, states: [], revoked: undefined });
    expect(asked).toEqual([]);
  });

  it('are asked for what Redis did not count', async () => {
    const { store, asked } = fallback();
    const query = { limits: [LIMIT], revocationKey: 'blacklist:j' };
    const answer = await askStores(query, TOLERANT, { store: silent, fallbackStore: store });
    expect(answer).toMatchObject({ admitted: true, states: [STATE], revoked: undefined });
    expect(asked).toEqual([1]);
  });
});

describe('a token that Redis told to be revoked', () => {
  const query = { limits: [LIMIT], revocationKey: 'blacklist:j' };
  const { store: fallbackStore, asked } = fallback();
  const telling = (store: Store): Store => ({ ...store, wasRevoked: (key) => key === 'blacklist:j' });
  const ofTokens = (faultTolerant: boolean) =>
    ({ faultTolerant: true, revocation: { faultTolerant } }) as never;

  it.each([
    ['is away', silent],
    ['does not tell', answering(COUNTED)],
  ])('stays revoked while Redis %s, and is counted nowhere', async (_, store) => {
    const answer = await askStores(query, ofTokens(true), { store: telling(store), fallbackStore });
    expect(answer.revoked).toBe(true);
    expect(asked).toEqual([]);
  });

  it('is good again once Redis says so', async () => {
    const store = telling(answering({ ...COUNTED, revoked: false }));
    expect((await askStores(query, ofTokens(true), { store, fallbackStore })).revoked).toBe(false);
  });

  it('gets 503 as any other where that is what an outage means', async () => {
    const asking = askStores(query, ofTokens(false), { store: telling(silent), fallbackStore });
    await expect(asking).rejects.toMatchObject({ status: 503 });
  });
});
